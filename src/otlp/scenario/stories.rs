//! What happens in the sample shop.

use opentelemetry_proto::tonic::logs::v1::SeverityNumber;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::attribute::attribute;
use super::calls::{Request, Statement};
use super::recorder::{Fault, Message, Outcome, Recorder};
use super::service::Service;

/// How often a database does not do what it should, unasked.
const ERROR_RATE: f64 = 0.02;

const DEADLOCK: Fault = Fault::new(
    500,
    "psycopg.errors.DeadlockDetected",
    "deadlock detected",
    "Traceback (most recent call last):\n  File \"/app/orders/store.py\", line 87, in insert\n    await cursor.execute(INSERT_ORDER, order)\npsycopg.errors.DeadlockDetected: deadlock detected",
);

const NO_PAYMENT: Fault = Fault::new(
    502,
    "payments.ProviderError",
    "the payment provider answered 500",
    "Traceback (most recent call last):\n  File \"/app/orders/payment.py\", line 41, in charge\n    response = await client.post(url, json=order)\npayments.ProviderError: the payment provider answered 500",
);

const INSERT_ORDER: Statement = Statement {
    operation: "INSERT",
    table: "orders",
    text: "INSERT INTO orders (id, user_id, total) VALUES ($1, $2, $3)",
    median_micros: 3_500.0,
};

const SELECT_PRODUCT: Statement = Statement {
    operation: "SELECT",
    table: "products",
    text: "SELECT id, name, price FROM products WHERE id = $1",
    median_micros: 1_800.0,
};

const SELECT_ORDERS: Statement = Statement {
    operation: "SELECT",
    table: "orders",
    text: "SELECT id, total FROM orders WHERE user_id = $1 ORDER BY placed_at DESC LIMIT 25",
    median_micros: 4_000.0,
};

const SELECT_ITEMS: Statement = Statement {
    operation: "SELECT",
    table: "order_items",
    text: "SELECT product_id, quantity FROM order_items WHERE order_id = $1",
    median_micros: 1_500.0,
};

const UPDATE_STOCK: Statement = Statement {
    operation: "UPDATE",
    table: "stock",
    text: "UPDATE stock SET reserved = reserved + $2 WHERE product_id = $1",
    median_micros: 2_600.0,
};

/// A story that one trace tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// Somebody orders.
    Checkout,
    /// Somebody orders, and everything takes long.
    SlowCheckout,
    /// Somebody orders, and the payment fails.
    FailedCheckout,
    /// The order before is worked off: a trace of its own, linked to the order's.
    Fulfilment,
    /// Somebody looks at a product.
    Browse,
    /// Somebody lists old orders, and each takes a query of its own.
    NPlusOne,
    /// Somebody orders, and the spans of the gateway never arrive.
    Partial,
}

impl Story {
    /// What is told again and again.
    pub const ROUND: [Self; 12] = [
        Self::Checkout,
        Self::Fulfilment,
        Self::Browse,
        Self::NPlusOne,
        Self::FailedCheckout,
        Self::Browse,
        Self::Partial,
        Self::Browse,
        Self::Checkout,
        Self::Fulfilment,
        Self::Browse,
        Self::SlowCheckout,
    ];

    /// Where it begins.
    pub const fn begins_in(self) -> Service {
        match self {
            Self::Fulfilment => Service::Fulfilment,
            Self::Partial => Service::Orders,
            _ => Service::Gateway,
        }
    }

    /// Tells it. `message` is the last one that was sent and not yet worked off.
    pub fn tell(self, trace: &mut Recorder, message: &mut Option<Message>) {
        match self {
            Self::Checkout => *message = checkout(trace, Ok(())),
            Self::SlowCheckout => {
                trace.slow_down(8.0);
                checkout(trace, Ok(()));
            }
            Self::FailedCheckout => {
                checkout(trace, Err(NO_PAYMENT));
            }
            Self::Fulfilment => match message.take() {
                Some(message) => fulfil(trace, &message),
                // What was to be worked off failed.
                None => browse(trace),
            },
            Self::Browse => browse(trace),
            Self::NPlusOne => list_orders(trace),
            Self::Partial => {
                trace.lose_parent();
                let order = trace.dice.below(10_000_000);
                let _ = trace.serve(PLACE, |trace| place(trace, order, Ok(())).map(drop));
            }
        }
    }
}

const PLACE: Request<'static> = Request {
    method: "POST",
    route: "/orders",
    path: "/orders",
    status: 201,
};

fn checkout(trace: &mut Recorder, payment: Outcome) -> Option<Message> {
    let order = trace.dice.below(10_000_000);
    let mut message = None;
    visit(trace, "POST", "/api/orders", "/api/orders", |trace| {
        authenticate(trace)?;
        trace.call(Service::Orders, PLACE, |trace| {
            message = Some(place(trace, order, payment)?);
            Ok(())
        })
    });
    message
}

fn place(trace: &mut Recorder, order: u64, payment: Outcome) -> Result<Message, Fault> {
    let total = f64::from(u16::try_from(trace.dice.below(20_000)).expect("it is small")) / 100.0;
    let attributes = vec![
        attribute("shop.order.id", order.to_string()),
        attribute("shop.order.total", total),
        attribute("shop.order.is_gift", trace.dice.chance(0.1)),
    ];
    trace.span(SpanKind::Internal, "charge card", attributes, |trace| {
        trace.spend(18_000.0);
        payment
    })?;
    let outcome = if trace.dice.chance(ERROR_RATE) {
        Err(DEADLOCK)
    } else {
        Ok(())
    };
    trace.sql(INSERT_ORDER, outcome)?;
    Ok(trace.publish(order))
}

fn fulfil(trace: &mut Recorder, message: &Message) {
    let _ = trace.process(message, |trace| {
        trace.sql(SELECT_ITEMS, Ok(()))?;
        trace.sql(UPDATE_STOCK, Ok(()))
    });
}

fn browse(trace: &mut Recorder) {
    let product = trace.dice.below(5_000);
    let path = format!("/api/products/{product}");
    visit(trace, "GET", "/api/products/{id}", &path, |trace| {
        trace.redis(&format!("product:{product}"));
        let cached = trace.dice.chance(0.6);
        trace.annotate(attribute("shop.cache.hit", cached));
        if cached {
            return Ok(());
        }
        let path = format!("/products/{product}");
        let request = Request {
            method: "GET",
            route: "/products/{id}",
            path: &path,
            status: 200,
        };
        trace.call(Service::Orders, request, |trace| {
            trace.sql(SELECT_PRODUCT, Ok(()))
        })
    });
}

fn list_orders(trace: &mut Recorder) {
    visit(trace, "GET", "/api/orders", "/api/orders", |trace| {
        authenticate(trace)?;
        let request = Request {
            method: "GET",
            route: "/orders",
            path: "/orders",
            status: 200,
        };
        trace.call(Service::Orders, request, |trace| {
            trace.sql(SELECT_ORDERS, Ok(()))?;
            let orders = 8 + trace.dice.below(12);
            for _ in 0..orders {
                trace.sql(SELECT_ITEMS, Ok(()))?;
            }
            trace.log(
                SeverityNumber::Warn,
                format!("{orders} queries for one list of orders"),
                vec![attribute("http.route", "/orders")],
            );
            Ok(())
        })
    });
}

fn authenticate(trace: &mut Recorder) -> Outcome {
    let request = Request {
        method: "POST",
        route: "/verify",
        path: "/verify",
        status: 200,
    };
    let session = trace.dice.bits();
    trace.call(Service::Auth, request, |trace| {
        trace.redis(&format!("session:{session:016x}"));
        Ok(())
    })
}

/// A request of a browser.
fn visit(
    trace: &mut Recorder,
    method: &'static str,
    route: &'static str,
    path: &str,
    work: impl FnOnce(&mut Recorder) -> Outcome,
) {
    let request = Request {
        method,
        route,
        path,
        status: if method == "POST" { 201 } else { 200 },
    };
    let user = trace.dice.below(20_000);
    let client = trace.dice.below(250);
    let agent = trace.dice.pick(&[
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
        "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
        "shop-ios/7.2.0",
    ]);
    let _ = trace.serve(request, |trace| {
        trace.annotate(attribute("user.id", format!("user-{user}")));
        trace.annotate(attribute("client.address", format!("192.0.2.{client}")));
        trace.annotate(attribute("user_agent.original", agent));
        let outcome = work(trace);
        trace.access_log(request, &outcome);
        outcome
    });
}
