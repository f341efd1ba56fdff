//! What must hold before anything is changed: that the checkout, the shell, the database and the account are this environment's.

use super::host::Holder;
use super::plan::{Input, Standing, Step, step};
use super::state::Seen;
use crate::environment::Home;

pub fn of(input: &Input<'_>) -> Vec<Step> {
    let mut all = vec![working_tree(input)];
    if let Seen::Skipped(why) = input.account {
        all.push(step("what ties it to its environment", Standing::Skipped(why.clone())));
        return all;
    }
    all.extend([sections(input), secrets(input), database(input), account(input)]);
    all.extend(hosts(input));
    all
}

fn working_tree(input: &Input<'_>) -> Step {
    let what = format!("the working tree is the commit of {}", input.release);
    let standing = match input.changed_files {
        None => Standing::Skipped("the stack that poses runs its own build".to_owned()),
        Some(0) => Standing::Done,
        Some(count) => Standing::Blocked(format!(
            "{count} files differ from the commit (`git status`): commit them, so that the release names what runs"
        )),
    };
    step(what, standing)
}

/// Two deployments share no name and no id, or one writes into what is the other's.
fn sections(input: &Input<'_>) -> Step {
    let standing = if input.shared.is_empty() {
        Standing::Done
    } else {
        Standing::Blocked(format!(
            "the other environment of wrangler.jsonc has the same {}: give env.{} its own",
            input.shared.join(", "),
            input.name
        ))
    };
    step("the section of wrangler.jsonc shares nothing with the other's", standing)
}

fn secrets(input: &Input<'_>) -> Step {
    let standing = input.misplaced.map_or(Standing::Done, |fault| Standing::Blocked(fault.to_owned()));
    step(format!("the shell's keys are {}'s", input.name), standing)
}

/// That `OSLIRA_DATABASE_URL` leads to the project is held where it is read: here is what that cannot tell.
fn database(input: &Input<'_>) -> Step {
    let name = input.name;
    let standing = match (Home::of(input.settings), input.database) {
        (Home::Unset, _) => Standing::Blocked(format!(
            "put the project's URL, https://PROJECT.supabase.co, into vars.SUPABASE_URL of env.{name} in wrangler.jsonc: it says whose database \
             may be migrated"
        )),
        (Home::Elsewhere, _) => Standing::Person(format!(
            "SUPABASE_URL is no address of Supabase's own and cannot tell: look yourself that OSLIRA_DATABASE_URL and Hyperdrive lead to the \
             database of {name}"
        )),
        (Home::Project(_), Seen::Is(_)) => Standing::Done,
        (Home::Project(_), Seen::Unknown(why)) => Standing::Unknown(why.clone()),
        (Home::Project(_), Seen::Skipped(why)) => Standing::Skipped(why.clone()),
    };
    step(format!("the database is {name}'s"), standing)
}

/// Where a Worker has just run on the database, the account that knows none is another one.
fn account(input: &Input<'_>) -> Step {
    let worker = &input.settings.name;
    let standing = match (input.account, input.database) {
        (Seen::Is(account), Seen::Is(database)) if account.secrets.is_none() && database.is_in_use => {
            Standing::Blocked(format!(
                "it has no Worker {worker}, and one has run on the database in the last hour: is it the right account \
                 (CLOUDFLARE_ACCOUNT_ID, `npx wrangler whoami`)?"
            ))
        }
        (Seen::Is(_), _) => Standing::Done,
        (Seen::Unknown(why), _) => Standing::Unknown(why.clone()),
        (Seen::Skipped(why), _) => Standing::Skipped(why.clone()),
    };
    step(format!("the account is the one of {worker}"), standing)
}

fn hosts(input: &Input<'_>) -> Vec<Step> {
    let worker = &input.settings.name;
    let standing = |host: &str| {
        let account = match input.account {
            Seen::Is(account) => account,
            Seen::Unknown(why) => return Standing::Unknown(why.clone()),
            Seen::Skipped(why) => return Standing::Skipped(why.clone()),
        };
        match account.hosts.get(host) {
            Some(Seen::Is(Holder::Nobody)) => Standing::Done,
            Some(Seen::Is(Holder::Worker(holder))) if holder == worker => Standing::Done,
            Some(Seen::Is(Holder::Worker(holder))) => Standing::Blocked(format!(
                "it is the custom domain of the Worker {holder}, and would be taken from it: name another, or remove it there"
            )),
            Some(Seen::Is(Holder::Record(record))) => Standing::Blocked(format!(
                "the zone has a record of this name ({record}), which would be replaced: name another, or remove the record"
            )),
            Some(Seen::Unknown(why) | Seen::Skipped(why)) => Standing::Person(advice(host, why)),
            None => Standing::Person(advice(host, "it was not looked at")),
        }
    };
    input.settings.custom_domains().map(|host| step(format!("{host} is free or {worker}'s"), standing(host))).collect()
}

fn advice(host: &str, why: &str) -> String {
    format!(
        "look in Cloudflare's dashboard that no other Worker has the custom domain {host}, and that its zone has no such record, because \
         wrangler takes over both ({why})"
    )
}
