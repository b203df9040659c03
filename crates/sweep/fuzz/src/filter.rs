//! Text that claims to be a condition: reading it ends with an answer, and what is decided for a box of points
//! is what each point of it says.

use sweep::{ColumnType, Expr, Key, Known, Value};

/// A number that depends on the seed and the key alone.
fn draw(seed: u64, name: &str) -> u64 {
    let mut mixed = seed;
    for byte in name.bytes() {
        mixed = (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    mixed ^ (mixed >> 29)
}

/// A value that a key may have at a point.
fn value(key: &Key, drawn: u64) -> Option<Value> {
    let number = i64::from((drawn >> 8) as i16);
    if drawn.is_multiple_of(8) {
        return None;
    }
    Some(match key.column_type {
        ColumnType::Int if drawn.is_multiple_of(5) => Value::Int(number << 47),
        ColumnType::Int => Value::Int(number),
        ColumnType::Float => Value::Float(number as f64 / 8.0),
        ColumnType::Bool => Value::Bool(number > 0),
        ColumnType::Str => Value::text(["gaussian", "uniform", "gd"][(drawn % 3) as usize]),
    })
}

/// The value of a key under a seed.
fn drawn(seed: u64, name: &str) -> Option<Value> {
    value(sweep::key(name)?, draw(seed, name))
}

pub fn fuzz(data: &[u8]) {
    let Some((head, text)) = data.split_first_chunk::<8>() else {
        return;
    };
    let seed = u64::from_le_bytes(*head);
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let expr = match Expr::parse(text) {
        Ok(expr) => expr,
        Err(mistake) => {
            // The place that it names is a piece of the text.
            assert!(
                text.get(mistake.span.clone()).is_some(),
                "{mistake} at {:?}",
                mistake.span
            );
            return;
        }
    };
    assert_eq!(Expr::parse(expr.text()).expect("its own text reads"), expr);
    let holds = expr.eval(&|name| drawn(seed, name));
    let exactly = expr.decide(&|key| Known::Exactly(drawn(seed, key.name)));
    assert_eq!(exactly, Some(holds), "every key is known");
    // The sides of its outermost `and`s hold together where it holds.
    let all = expr
        .conjuncts()
        .iter()
        .all(|part| part.eval(&|name| drawn(seed, name)));
    assert_eq!(all, holds);
    // Less is known: the answer may be missing, but not another.
    let vague = expr.decide(&|key| {
        let known = drawn(seed, key.name);
        let chance = draw(seed, key.name);
        match (chance >> 32) % 4 {
            0 => Known::Unknown,
            1 => Known::Among(vec![known, value(key, chance.rotate_left(17))]),
            2 => match known {
                Some(Value::Int(n)) => Known::Between(
                    Value::Int(n.saturating_sub(3)),
                    Value::Int(n.saturating_add(2)),
                ),
                Some(Value::Float(x)) => {
                    Known::Between(Value::Float(x - 1.5), Value::Float(x + 2.0))
                }
                other => Known::Exactly(other),
            },
            _ => Known::Exactly(known),
        }
    });
    assert!(
        vague.is_none_or(|vague| vague == holds),
        "decided {vague:?} where it is {holds}"
    );
}
