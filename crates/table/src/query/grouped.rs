//! Groups by hash: a table function that runs a SELECT of keys and arguments and answers with a row a group.
//!
//! SQLite groups by sorting, a microsecond a row where the rows of a join come in no order. The statement's layer puts
//! this function in place of a GROUP BY with plain aggregates. Sums are SQLite's: whole numbers exactly, others by
//! Kahan, Babuska and Neumaier.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ffi::{CStr, CString};
use std::os::raw::c_int;

use foldhash::{HashMap, HashMapExt as _};
use rusqlite::types::{Value, ValueRef};
use rusqlite::vtab::{
    Context, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConnection, VTabCursor,
    sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, ffi};

/// Name of the function.
pub(super) const GROUPED: &str = "grouped";

/// Most keys and aggregates together.
pub(super) const MOST_COLUMNS: usize = 30;

/// The function's module.
pub(super) fn module() -> &'static Module<'static, Grouped> {
    const { &Module::eponymous_only_module() }
}

/// An aggregate that is computed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Rows,
    Count,
    Sum,
    Avg,
    Min,
    Max,
}

/// Whether an aggregate of so many arguments is computed here, and under which word.
pub(super) fn word(name: &str, arguments: usize) -> Option<&'static str> {
    Some(match (name, arguments) {
        ("count", 0) => "rows",
        ("count", 1) => "count",
        ("sum", 1) => "sum",
        ("avg", 1) => "avg",
        ("min", 1) => "min",
        ("max", 1) => "max",
        _ => return None,
    })
}

impl Call {
    fn of_word(word: &str) -> Option<Call> {
        Some(match word {
            "rows" => Call::Rows,
            "count" => Call::Count,
            "sum" => Call::Sum,
            "avg" => Call::Avg,
            "min" => Call::Min,
            "max" => Call::Max,
            _ => return None,
        })
    }
}

/// An aggregate over the rows of a group so far.
#[derive(Clone, Debug)]
enum State {
    Count(i64),
    Sum(Sum),
    Avg(Sum),
    Least(Value),
    Most(Value),
}

/// A sum as SQLite keeps it.
#[derive(Clone, Debug, Default)]
struct Sum {
    count: i64,
    whole: i64,
    overflowed: bool,
    /// Once a value is no whole number: the sum and what rounding took from it.
    real: Option<(f64, f64)>,
}

impl Sum {
    fn add(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => return,
            ValueRef::Integer(n) => match (&mut self.real, self.whole.checked_add(n)) {
                (None, Some(sum)) => self.whole = sum,
                (None, None) => {
                    self.overflowed = true;
                    self.add_real(n as f64);
                }
                (Some(_), _) => self.add_real(n as f64),
            },
            ValueRef::Real(x) => self.add_real(x),
            // The statement's layer lets no text and no bytes through.
            ValueRef::Text(_) | ValueRef::Blob(_) => self.add_real(0.0),
        }
        self.count += 1;
    }

    fn add_real(&mut self, x: f64) {
        let (sum, lost) = self.real.get_or_insert((self.whole as f64, 0.0));
        let next = *sum + x;
        *lost += if sum.abs() > x.abs() {
            (*sum - next) + x
        } else {
            (x - next) + *sum
        };
        *sum = next;
    }

    fn as_real(&self) -> f64 {
        match self.real {
            Some((sum, lost)) if !lost.is_nan() => sum + lost,
            Some((sum, _)) => sum,
            None => self.whole as f64,
        }
    }
}

impl State {
    fn new(call: Call) -> State {
        match call {
            Call::Rows | Call::Count => State::Count(0),
            Call::Sum => State::Sum(Sum::default()),
            Call::Avg => State::Avg(Sum::default()),
            Call::Min => State::Least(Value::Null),
            Call::Max => State::Most(Value::Null),
        }
    }

    /// Takes a row's argument; the count of rows has none.
    fn add(&mut self, value: Option<ValueRef<'_>>) -> rusqlite::Result<()> {
        let value = match (&self, value) {
            (State::Count(_), None) => ValueRef::Integer(1),
            (_, value) => value.unwrap_or(ValueRef::Null),
        };
        if matches!(value, ValueRef::Null) {
            return Ok(());
        }
        match self {
            State::Count(count) => *count += 1,
            State::Sum(sum) | State::Avg(sum) => sum.add(value),
            State::Least(least) => keep(least, value, Ordering::Less)?,
            State::Most(most) => keep(most, value, Ordering::Greater)?,
        }
        Ok(())
    }

    fn value(self) -> rusqlite::Result<Value> {
        Ok(match self {
            State::Count(count) => Value::Integer(count),
            State::Sum(sum) if sum.count == 0 => Value::Null,
            State::Sum(sum) if sum.overflowed => {
                return Err(rusqlite::Error::ModuleError("integer overflow".to_owned()));
            }
            State::Sum(sum) if sum.real.is_none() => Value::Integer(sum.whole),
            State::Sum(sum) => Value::Real(sum.as_real()),
            State::Avg(sum) if sum.count == 0 => Value::Null,
            State::Avg(sum) => Value::Real(sum.as_real() / sum.count as f64),
            State::Least(value) | State::Most(value) => value,
        })
    }
}

/// Keeps the new value where it stands on this side of the one that is kept.
fn keep(kept: &mut Value, value: ValueRef<'_>, side: Ordering) -> rusqlite::Result<()> {
    if *kept == Value::Null || compared(value, ValueRef::from(&*kept)) == side {
        *kept = owned(value)?;
    }
    Ok(())
}

/// The order of SQLite: numbers before texts before bytes.
fn compared(a: ValueRef<'_>, b: ValueRef<'_>) -> Ordering {
    let rank = |value: ValueRef<'_>| match value {
        ValueRef::Null => 0,
        ValueRef::Integer(_) | ValueRef::Real(_) => 1,
        ValueRef::Text(_) => 2,
        ValueRef::Blob(_) => 3,
    };
    match (a, b) {
        (ValueRef::Integer(a), ValueRef::Integer(b)) => a.cmp(&b),
        (ValueRef::Text(a), ValueRef::Text(b)) | (ValueRef::Blob(a), ValueRef::Blob(b)) => a.cmp(b),
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => rank(a).cmp(&rank(b)),
        },
    }
}

fn number(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Integer(n) => Some(n as f64),
        ValueRef::Real(x) => Some(x + 0.0),
        ValueRef::Null | ValueRef::Text(_) | ValueRef::Blob(_) => None,
    }
}

fn owned(value: ValueRef<'_>) -> rusqlite::Result<Value> {
    Value::try_from(value).map_err(|error| rusqlite::Error::ModuleError(error.to_string()))
}

/// Appends a key's value so that equal values, 1 and 1.0 too, have equal bytes and others do not.
fn encode(value: ValueRef<'_>, key: &mut Vec<u8>) {
    let whole = |n: i64, key: &mut Vec<u8>| {
        key.push(1);
        key.extend(n.to_le_bytes());
    };
    match value {
        ValueRef::Null => key.push(0),
        ValueRef::Integer(n) => whole(n, key),
        // Up to 2^53 every whole number is a double of its own.
        ValueRef::Real(x) if x.fract() == 0.0 && x.abs() <= 9_007_199_254_740_992.0 => {
            whole(x as i64, key);
        }
        ValueRef::Real(x) => {
            key.push(2);
            key.extend(x.to_bits().to_le_bytes());
        }
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            key.push(if matches!(value, ValueRef::Text(_)) {
                3
            } else {
                4
            });
            key.extend((bytes.len() as u64).to_le_bytes());
            key.extend(bytes);
        }
    }
}

/// Runs the SELECT and gathers its groups, in the order in which they were met.
fn gather(
    connection: &Connection,
    sql: &str,
    keys: usize,
    calls: &[Call],
) -> rusqlite::Result<Vec<Vec<Value>>> {
    struct Group {
        keys: Vec<Value>,
        states: Vec<State>,
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<Box<[u8]>, usize> = HashMap::new();
    let mut key = Vec::new();
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        key.clear();
        for place in 0..keys {
            encode(row.get_ref(place)?, &mut key);
        }
        let place = match known.get(key.as_slice()) {
            Some(place) => *place,
            None => {
                let keys = (0..keys)
                    .map(|place| owned(row.get_ref(place)?))
                    .collect::<rusqlite::Result<_>>()?;
                let states = calls.iter().map(|call| State::new(*call)).collect();
                groups.push(Group { keys, states });
                known.insert(key.as_slice().into(), groups.len() - 1);
                groups.len() - 1
            }
        };
        let mut argument = keys;
        for (state, call) in groups[place].states.iter_mut().zip(calls) {
            if *call == Call::Rows {
                state.add(None)?;
            } else {
                state.add(Some(row.get_ref(argument)?))?;
                argument += 1;
            }
        }
    }
    let finished = groups.into_iter().map(|group| {
        let states = group.states.into_iter().map(State::value);
        group.keys.into_iter().map(Ok).chain(states).collect()
    });
    finished.collect()
}

#[repr(C)]
pub(super) struct Grouped {
    /// Must be first.
    base: sqlite3_vtab,
    handle: *mut ffi::sqlite3,
}

#[expect(
    unsafe_code,
    reason = "SQLite reads the first field, which is its own struct as the trait asks"
)]
// SAFETY: the struct is repr(C) and begins with sqlite3_vtab.
unsafe impl<'vtab> VTab<'vtab> for Grouped {
    type Aux = ();
    type Cursor = Groups;

    fn connect(
        db: &mut VTabConnection,
        _aux: Option<&()>,
        _module_name: &[u8],
        _database_name: &[u8],
        _table_name: &[u8],
        _args: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        let columns: Vec<String> = (0..MOST_COLUMNS).map(|place| format!("v{place}")).collect();
        let sql = format!(
            "CREATE TABLE x({}, sql HIDDEN, keys HIDDEN, calls HIDDEN)",
            columns.join(", ")
        );
        let sql = CString::new(sql).map_err(|_| rusqlite::Error::ModuleError(String::new()))?;
        // SAFETY: SQLite keeps the connection open while the table exists.
        let handle = unsafe { db.handle() };
        let base = sqlite3_vtab::default();
        Ok((Cow::Owned(sql), Grouped { base, handle }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        let mut found = [None; 3];
        for (number, constraint) in info.constraints().enumerate() {
            let hidden = usize::try_from(constraint.column()).ok();
            let hidden = hidden.and_then(|column| column.checked_sub(MOST_COLUMNS));
            let is_equal = constraint.operator() == IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ;
            if let Some(slot) = hidden.and_then(|hidden| found.get_mut(hidden))
                && is_equal
                && constraint.is_usable()
            {
                *slot = Some(number);
            }
        }
        for (place, number) in (1..).zip(found) {
            let Some(number) = number else {
                return Ok(false);
            };
            let mut usage = info.constraint_usage(number);
            usage.set_argv_index(place);
            usage.set_omit(true);
        }
        info.set_estimated_cost(1e6);
        info.set_estimated_rows(1000);
        Ok(true)
    }

    fn open(&'vtab mut self) -> rusqlite::Result<Groups> {
        Ok(Groups {
            base: sqlite3_vtab_cursor::default(),
            handle: self.handle,
            rows: Vec::new(),
            at: 0,
        })
    }
}

#[repr(C)]
pub(super) struct Groups {
    /// Must be first.
    base: sqlite3_vtab_cursor,
    handle: *mut ffi::sqlite3,
    rows: Vec<Vec<Value>>,
    at: usize,
}

#[expect(
    unsafe_code,
    reason = "SQLite reads the first field, which is its own struct as the trait asks"
)]
// SAFETY: the struct is repr(C) and begins with sqlite3_vtab_cursor.
unsafe impl VTabCursor for Groups {
    fn filter(
        &mut self,
        _number: c_int,
        _text: Option<&str>,
        values: &Filters<'_>,
    ) -> rusqlite::Result<()> {
        let (sql, keys): (String, i64) = (values.get(0)?, values.get(1)?);
        let calls: String = values.get(2)?;
        let calls: Vec<Call> = calls.split_whitespace().filter_map(Call::of_word).collect();
        // SAFETY: the connection is open, this thread uses it, and the borrowed one does not close it.
        let connection = unsafe { Connection::from_handle(self.handle)? };
        self.rows = gather(
            &connection,
            &sql,
            usize::try_from(keys).unwrap_or(0),
            &calls,
        )?;
        self.at = 0;
        Ok(())
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        self.at += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.at >= self.rows.len()
    }

    fn column(&self, context: &mut Context, column: c_int) -> rusqlite::Result<()> {
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        match self.rows[self.at].get(column) {
            Some(value) => context.set_result(value),
            None => Ok(()),
        }
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        Ok(self.at as i64)
    }
}
