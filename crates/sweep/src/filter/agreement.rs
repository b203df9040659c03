//! Conditions over nulls, lists and decimals: one point and a box of points agree, and what is said of null and
//! lists holds for every condition.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{Expr, Known, Rules};
use crate::keys::Key;
use crate::value::Value;

fn numbers(list: &[f64]) -> Value {
    Value::List(list.iter().map(|x| Value::Float(*x)).collect())
}

/// Values that a key may have somewhere.
fn values_of(key: &str) -> Vec<Option<Value>> {
    match key {
        "network.width" => vec![
            None,
            Some(Value::Int(4)),
            Some(Value::Int(8)),
            Some(Value::List(vec![Value::Int(8), Value::Int(8)])),
        ],
        "init.scale" => vec![
            Some(Value::Float(0.3)),
            Some(Value::Float(0.35)),
            Some(Value::Int(1)),
            Some(numbers(&[8.0, 8.0])),
        ],
        "optimizer.momentum" => vec![None, Some(Value::Float(0.5)), Some(Value::Float(0.9))],
        _ => vec![
            Some(Value::text("flat")),
            Some(numbers(&[2.0, 1.0])),
            Some(Value::Table(std::collections::BTreeMap::new())),
        ],
    }
}

const KEYS: [&str; 4] = [
    "network.width",
    "init.scale",
    "optimizer.momentum",
    "problem.singular_values",
];

fn comparison() -> impl Strategy<Value = String> {
    let number = select(vec![
        "network.width",
        "init.scale",
        "optimizer.momentum",
        "4",
        "0.1",
        "0.3",
        "-8",
    ]);
    let signs = select(vec!["+", "-", "*", "/", "%"]);
    let sum =
        (number.clone(), signs, number.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})"));
    let side = prop_oneof![number.prop_map(str::to_owned), sum];
    let signs = select(vec!["<", "<=", ">", ">=", "==", "!="]);
    prop_oneof![
        4 => (side.clone(), signs, side.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => (side.clone(), select(vec!["in", "not in"]), side)
            .prop_map(|(a, op, b)| format!("{a} {op} [{b}, 8]")),
        1 => select(vec![
            "network.width == [8, 8]",
            "network.width != [8, 8]",
            "network.width in [[8, 8], 4]",
            "network.width not in [[8, 8], init.scale]",
            "network.width == init.scale",
            "problem.singular_values != 'flat'",
            "problem.singular_values == [1, 2]",
            "problem.singular_values not in ['gaussian', [1, 2]]",
        ])
        .prop_map(str::to_owned),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    comparison().prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

/// For each of [`KEYS`] the values that it has in a box.
fn boxes() -> impl Strategy<Value = Vec<Vec<Option<Value>>>> {
    let of_key = |key: &&str| {
        let values = values_of(key);
        let count = values.len();
        subsequence(values, 1..=count)
    };
    KEYS.iter().map(of_key).collect::<Vec<_>>()
}

fn each_point(held: &[Vec<Option<Value>>], visit: &mut dyn FnMut(&[Option<Value>])) {
    let count: usize = held.iter().map(Vec::len).product();
    for number in 0..count {
        let mut rest = number;
        let mut point = Vec::with_capacity(held.len());
        for values in held {
            point.push(values[rest % values.len()].clone());
            rest /= values.len();
        }
        visit(&point);
    }
}

fn place(name: &str) -> usize {
    KEYS.iter()
        .position(|key| *key == name)
        .expect("one of them")
}

proptest! {
    #[test]
    fn a_box_is_decided_as_its_points_are(text in condition(), held in boxes()) {
        for rules in Rules::ALL {
            // Lists are of the second rules alone.
            let Ok(expr) = Expr::parse_under(&text, rules) else {
                prop_assert!(text.contains('[') && rules == Rules::First, "{}", text);
                continue;
            };
            let mut seen = [false, false];
            each_point(&held, &mut |point| {
                let get = |name: &str| point[place(name)].clone();
                let answer = expr.eval(&get);
                seen[usize::from(answer)] = true;
                let exactly = |key: &'static Key| Known::Exactly(get(key.name));
                assert_eq!(expr.decide(&exactly), Some(answer), "{text}");
            });
            let among = |key: &'static Key| Known::Among(held[place(key.name)].clone());
            if let Some(answer) = expr.decide(&among) {
                prop_assert!(!seen[usize::from(!answer)], "{} under {:?}", text, rules);
            }
        }
    }

    #[test]
    fn the_opposite_is_the_opposite(
        left in select(vec!["network.width", "init.scale", "optimizer.momentum / 2"]),
        right in select(vec!["network.width", "init.scale", "4", "optimizer.momentum"]),
        held in boxes(),
    ) {
        let read = |text: String| Expr::parse(&text).expect("a condition");
        let pairs = [
            (read(format!("{left} == {right}")), read(format!("{left} != {right}"))),
            (read(format!("{left} in [{right}, 4]")), read(format!("{left} not in [{right}, 4]"))),
        ];
        each_point(&held, &mut |point| {
            let get = |name: &str| point[place(name)].clone();
            for (one, other) in &pairs {
                assert_ne!(one.eval(&get), other.eval(&get), "{} at {point:?}", one.text());
            }
        });
    }
}

#[test]
fn rules_are_named_where_they_matter() {
    let check = |text: &str, expected: Option<Rules>| {
        let expr = Expr::parse(text).expect(text);
        assert_eq!(expr.rules(), expected, "{text}");
        let first = Expr::parse_under(text, Rules::First);
        assert_eq!(
            first.is_ok_and(|first| first == expr),
            expected.is_none(),
            "{text}"
        );
    };
    check("network.width <= 4 and init.scale == 0.5", None);
    check(
        "not (optimizer.momentum < 0.9) and network.width in [4, 8]",
        None,
    );
    check("network.depth != 4", Some(Rules::Second));
    check("network.depth not in [4]", Some(Rules::Second));
    check("network.depth % 2 == 0", Some(Rules::Second));
    check("network.width == [4, 8]", Some(Rules::Second));
    check("network.width == init.scale", Some(Rules::Second));
}
