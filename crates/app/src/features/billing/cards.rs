//! Free credits once per person, as far as the cards tell that people pay with: the database is told which cards those are.

use uuid::Uuid;

use super::{BillingJobPorts, Payer, ReconcileError, Reconciled, StripeError, jobs::PAGE};
use crate::shared::store::StoreError;

/// Pages of one job: Stripe is asked for each payer by itself. The next job goes on.
const PAGES_MAX: u32 = 3;

/// Notes the cards of whoever the payment of this event was from. The credits that it bought are there already: if this fails,
/// the nightly comparison does it.
pub(super) async fn note_cards_of_event(ports: &BillingJobPorts, event_id: &str) {
    let noted = async {
        for payer in ports.store.payers_of(event_id).await? {
            note(ports, &payer).await?;
        }
        Ok::<_, ReconcileError>(())
    };
    if let Err(error) = noted.await {
        tracing::warn!(event_id, %error, "cards not noted; the nightly comparison notes them");
    }
}

/// Notes the cards of everybody who has paid since their cards were last noted.
///
/// # Errors
/// [`ReconcileError`] when Stripe or the database do not answer; one customer that Stripe refuses keeps no other from it.
pub(super) async fn note_cards(ports: &BillingJobPorts, report: &mut Reconciled) -> Result<(), ReconcileError> {
    let mut after: Option<Uuid> = None;
    for _ in 0..PAGES_MAX {
        let page = ports.store.unnoted_payers(after, PAGE).await?;
        for payer in &page {
            match note(ports, payer).await {
                Ok(ended) => {
                    report.payers_noted += 1;
                    report.free_credits_ended += ended;
                }
                Err(
                    error @ (ReconcileError::Stripe(StripeError::Unavailable(_))
                    | ReconcileError::Store(StoreError::Unavailable(_))),
                ) => return Err(error),
                Err(error) => tracing::error!(account_id = %payer.account_id, %error, "cards not noted"),
            }
        }
        let Some(last) = page.last().filter(|_| page.len() >= PAGE as usize) else {
            return Ok(());
        };
        after = Some(last.account_id.uuid());
    }
    report.is_cut_short = true;
    Ok(())
}

/// Returns the free credits that ended by it.
async fn note(ports: &BillingJobPorts, payer: &Payer) -> Result<i64, ReconcileError> {
    let fingerprints = match ports.stripe.card_fingerprints(&payer.customer_id).await {
        // Who was deleted at Stripe has no cards there.
        Err(StripeError::NotFound) => vec![],
        asked => asked?,
    };
    let ended = ports.store.note_cards(payer, &fingerprints).await?;
    if ended > 0 {
        tracing::info!(account_id = %payer.account_id, credits = ended, "free credits ended: they were had with this card");
    }
    Ok(ended)
}

#[cfg(test)]
mod tests;
