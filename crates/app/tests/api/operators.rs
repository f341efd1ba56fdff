//! Operators' routes get the operators' ports, and nobody else's.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Request, header},
};
use oslira_app::{
    api::{RequestKind, operations},
    features::judging::ModelChoice,
};
use uuid::Uuid;

use crate::{Double, answer, ports, send_to};

#[tokio::test]
async fn an_operators_route_gets_none_of_a_users_ports() {
    let mut seen = 0;
    let operators = operations();
    for operation in operators.iter().filter(|operation| RequestKind::of(operation.path) == RequestKind::OfAnOperator) {
        let request = Request::builder()
            .method(operation.method.clone())
            .uri(operation.path.replace("{id}", &Uuid::nil().to_string()))
            .header(header::AUTHORIZATION, "Bearer token")
            .header("x-operator-reason", "Ticket 123: they asked")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(operation.example.body.clone().unwrap_or_default().to_string()))
            .unwrap();
        let double = Arc::new(Double::new());
        let (status, _, body) = answer(send_to(ports(&double, ModelChoice::default()), request).await).await;
        assert_eq!((status.as_u16(), &body["code"]), (500, &"internal_error".into()), "{}", operation.path);
        assert_eq!(double.asked().len(), 0, "{}", operation.path);
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
}
