//! A table as SQLite sees it: a read-only virtual table whose rows come from the parts of the runs.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::os::raw::c_int;
use std::rc::Rc;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::vtab::{
    Context, CreateVTab, Filters, IndexInfo, Module, VTab, VTabConnection, VTabCursor, VTabKind,
    sqlite3_vtab, sqlite3_vtab_cursor,
};

use crate::schema::TableName;

use super::lookup::{Index, Run, join};
use super::order::{By, Chosen, Sorted, sorted};
use super::plan::{self, Bound, Condition, Plan, Way, may_pass};
use super::sought::{Sought, mixed};
use super::source::{Listing, Source};
use super::table::Table;
use super::values::{Type, Value, Values, moment};

/// The module's name in `CREATE VIRTUAL TABLE`.
pub(super) const MODULE: &str = "parts";

/// The module that serves every table.
pub(super) fn module() -> &'static Module<'static, PartsTable> {
    const { &Module::read_only_module() }
}

#[repr(C)]
pub(super) struct PartsTable {
    /// Must be first.
    base: sqlite3_vtab,
    table: Rc<Table>,
}

#[expect(
    unsafe_code,
    reason = "SQLite reads the first field, which is its own struct as the trait asks"
)]
// SAFETY: the struct is repr(C) and begins with sqlite3_vtab.
unsafe impl<'vtab> VTab<'vtab> for PartsTable {
    type Aux = Arc<Listing>;
    type Cursor = Cursor;

    fn connect(
        _db: &mut VTabConnection,
        listing: Option<&Arc<Listing>>,
        _module_name: &[u8],
        _database_name: &[u8],
        table_name: &[u8],
        _args: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        let name = String::from_utf8_lossy(table_name);
        let table = TableName::from_name(&name);
        let source = listing
            .zip(table)
            .map(|(listing, table)| Source::new(table, listing));
        let source =
            source.ok_or_else(|| rusqlite::Error::ModuleError(format!("no table {name}")))?;
        let columns = source.columns.iter();
        let columns =
            columns.map(|column| format!("\"{}\" {}", column.name, column.kind.declared()));
        let sql = format!("CREATE TABLE x({})", columns.collect::<Vec<_>>().join(", "));
        let sql = CString::new(sql).map_err(|_| rusqlite::Error::ModuleError(String::new()))?;
        let table = PartsTable {
            base: sqlite3_vtab::default(),
            table: Rc::new(Table::new(source)),
        };
        Ok((Cow::Owned(sql), table))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        plan::choose(&self.table, info).map(|()| true)
    }

    fn open(&'vtab mut self) -> rusqlite::Result<Cursor> {
        Ok(Cursor {
            base: sqlite3_vtab_cursor::default(),
            table: Rc::clone(&self.table),
            walk: Walk::End,
            chunk: usize::MAX,
            row: 0,
            columns: RefCell::default(),
            keeps: false,
            lookup: None,
            sought: Vec::new(),
        })
    }
}

impl CreateVTab<'_> for PartsTable {
    const KIND: VTabKind = VTabKind::Default;
}

/// Where a visit stands.
enum Walk {
    /// In a row group, at one of its rows, or at one of those that passed the conditions.
    Scan {
        conditions: Vec<(Condition, Bound)>,
        passed: Option<Vec<u32>>,
        at: usize,
    },
    /// In the entries of an index.
    Entries {
        index: Rc<Index>,
        entries: std::ops::Range<usize>,
        run: Run,
        at: u32,
    },
    /// In a list of rows.
    Listed {
        rows: Vec<u32>,
        at: usize,
    },
    End,
}

#[repr(C)]
pub(super) struct Cursor {
    /// Must be first.
    base: sqlite3_vtab_cursor,
    table: Rc<Table>,
    walk: Walk,
    /// The row group, and the row within it.
    chunk: usize,
    row: usize,
    /// Columns of the row group that were looked at, by number.
    columns: RefCell<Vec<Option<Rc<Values>>>>,
    /// Row groups are visited in no order: what is decoded is kept.
    keeps: bool,
    /// The last lookup: a join repeats it for each row of the other table.
    lookup: Option<Lookup>,
    /// The values of its key.
    sought: Vec<Sought>,
}

/// Rows of a key, as a plan's text asks for them.
struct Lookup {
    plan: String,
    /// Columns of the key.
    key: Vec<usize>,
    index: Rc<Index>,
}

#[expect(
    unsafe_code,
    reason = "SQLite reads the first field, which is its own struct as the trait asks"
)]
// SAFETY: the struct is repr(C) and begins with sqlite3_vtab_cursor.
unsafe impl VTabCursor for Cursor {
    fn filter(
        &mut self,
        number: c_int,
        text: Option<&str>,
        values: &Filters<'_>,
    ) -> rusqlite::Result<()> {
        let text = text.unwrap_or_default();
        if Way::from_number(number) == Way::Lookup {
            return self.begin_lookup(text, values);
        }
        let plan = Plan::read(text);
        let bounds: Vec<(Condition, Bound)> = plan
            .conditions
            .into_iter()
            .zip(values.iter())
            .map(|(condition, value)| (condition, self.bound(condition, value)))
            .collect();
        match Way::from_number(number) {
            Way::Scan | Way::Lookup => self.begin_scan(bounds),
            Way::Sorted => self.begin_sorted(bounds, &plan.order, false),
            Way::Distinct => self.begin_sorted(bounds, &plan.order, true),
        }
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        match &mut self.walk {
            Walk::Scan { passed, at, .. } => {
                *at += 1;
                match passed {
                    None => {
                        self.row = *at;
                        let chunks = &self.table.source().contents()?.chunks;
                        if *at < chunks[self.chunk].rows {
                            return Ok(());
                        }
                    }
                    Some(passed) => {
                        if let Some(&row) = passed.get(*at) {
                            self.row = row as usize;
                            return Ok(());
                        }
                    }
                }
                self.scan_from(self.chunk + 1)
            }
            Walk::Entries { run, at, .. } => {
                *at += 1;
                if *at < run.rows {
                    // A run lies within a row group.
                    self.row += 1;
                    return Ok(());
                }
                self.next_entry()
            }
            Walk::Listed { rows, at } => {
                *at += 1;
                match rows.get(*at) {
                    Some(&row) => self.go_to(row as usize),
                    None => {
                        self.walk = Walk::End;
                        Ok(())
                    }
                }
            }
            Walk::End => Ok(()),
        }
    }

    fn eof(&self) -> bool {
        matches!(self.walk, Walk::End)
    }

    fn column(&self, context: &mut Context, column: c_int) -> rusqlite::Result<()> {
        let Ok(column) = usize::try_from(column) else {
            return Ok(());
        };
        self.look(column, |values| self.give(context, values))?
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        let chunks = &self.table.source().contents()?.chunks;
        let start = chunks.get(self.chunk).map_or(0, |chunk| chunk.start);
        Ok((start + self.row) as i64)
    }
}

impl Cursor {
    /// The value of a condition as the column's type compares it.
    fn bound(&self, condition: Condition, value: ValueRef<'_>) -> Bound {
        let kind = self.table.source().columns[condition.column].kind;
        match (kind, value) {
            (_, ValueRef::Null) => Bound::Nothing,
            (Type::Integer | Type::Real | Type::Boolean, ValueRef::Integer(n)) => {
                Bound::Number(n as f64)
            }
            (Type::Integer | Type::Real | Type::Boolean, ValueRef::Real(x)) => Bound::Number(x),
            (Type::Text, ValueRef::Text(text)) => match std::str::from_utf8(text) {
                Ok(text) => Bound::Text(text.into()),
                Err(_) => Bound::Anything,
            },
            (
                Type::Integer | Type::Real | Type::Boolean | Type::Text | Type::Timestamp,
                ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_),
            ) => Bound::Anything,
        }
    }

    fn begin_scan(&mut self, conditions: Vec<(Condition, Bound)>) -> rusqlite::Result<()> {
        self.keeps = false;
        if conditions.iter().any(|(_, bound)| *bound == Bound::Nothing) {
            self.walk = Walk::End;
            return Ok(());
        }
        self.walk = Walk::Scan {
            conditions,
            passed: None,
            at: 0,
        };
        self.scan_from(0)
    }

    /// Stands at the first row that passes, from a row group on.
    fn scan_from(&mut self, first: usize) -> rusqlite::Result<()> {
        let table = Rc::clone(&self.table);
        let chunks = &table.source().contents()?.chunks;
        let mut chunk = first;
        while chunk < chunks.len() {
            self.enter(chunk);
            let Walk::Scan { conditions, .. } = &self.walk else {
                return Ok(());
            };
            let found = if conditions.is_empty() {
                None
            } else {
                Some(self.passed(chunks[chunk].rows, conditions)?)
            };
            let row = match &found {
                None => Some(0),
                Some(rows) => rows.first().map(|&row| row as usize),
            };
            if let Walk::Scan { passed, at, .. } = &mut self.walk {
                (*passed, *at) = (found, 0);
            }
            if let Some(row) = row {
                self.row = row;
                return Ok(());
            }
            chunk += 1;
        }
        self.walk = Walk::End;
        Ok(())
    }

    /// Rows of the row group that pass all conditions.
    fn passed(&self, rows: usize, conditions: &[(Condition, Bound)]) -> rusqlite::Result<Vec<u32>> {
        // A row group's rows fit: there are at most 2^31 - 1 by the format.
        let mut passed: Vec<u32> = (0..rows as u32).collect();
        for (condition, bound) in conditions {
            if *bound == Bound::Anything {
                continue;
            }
            let values = self.values(condition.column)?;
            passed.retain(|&row| may_pass(values.get(row as usize), condition.operator, bound));
        }
        Ok(passed)
    }

    /// Visits the rows whose key equals the values. SQLite does not compare them again.
    fn begin_lookup(&mut self, plan: &str, values: &Filters<'_>) -> rusqlite::Result<()> {
        self.keeps = true;
        self.walk = Walk::End;
        if self.lookup.as_ref().is_none_or(|last| last.plan != plan) {
            let conditions = Plan::read(plan).conditions.into_iter();
            let key: Vec<usize> = conditions.map(|condition| condition.column).collect();
            self.lookup = Some(Lookup {
                plan: plan.to_owned(),
                index: self.table.index(&key)?,
                key,
            });
        }
        let Some(lookup) = &self.lookup else {
            return Ok(());
        };
        self.sought.resize_with(lookup.key.len(), Sought::default);
        let mut hash = 0;
        for ((&column, value), sought) in lookup.key.iter().zip(values.iter()).zip(&mut self.sought)
        {
            let column = &self.table.source().columns[column];
            if matches!(value, ValueRef::Null) {
                return Ok(());
            }
            match sought.set(column.kind, value) {
                Some(of_value) => hash = join(hash, of_value),
                None => return Err(mixed(&column.name, value)),
            }
        }
        self.walk = Walk::Entries {
            entries: lookup.index.find(hash),
            index: Rc::clone(&lookup.index),
            run: Run { start: 0, rows: 0 },
            at: 0,
        };
        self.next_entry()
    }

    /// Stands at the first row of the next entry whose key is the one that is sought: others may have its hash.
    fn next_entry(&mut self) -> rusqlite::Result<()> {
        loop {
            let Walk::Entries {
                index,
                entries,
                run,
                at,
            } = &mut self.walk
            else {
                return Ok(());
            };
            let Some(entry) = entries.next() else {
                self.walk = Walk::End;
                return Ok(());
            };
            (*run, *at) = (index.run(entry), 0);
            let row = run.start as usize;
            self.go_to(row)?;
            if self.is_sought()? {
                return Ok(());
            }
        }
    }

    fn is_sought(&self) -> rusqlite::Result<bool> {
        let Some(lookup) = &self.lookup else {
            return Ok(false);
        };
        for (&column, sought) in lookup.key.iter().zip(&self.sought) {
            if !self.look(column, |values| sought.is(values.get(self.row)))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn begin_sorted(
        &mut self,
        conditions: Vec<(Condition, Bound)>,
        order: &[By],
        once: bool,
    ) -> rusqlite::Result<()> {
        self.keeps = true;
        if conditions.iter().any(|(_, bound)| *bound == Bound::Nothing) {
            self.walk = Walk::End;
            return Ok(());
        }
        let table = Rc::clone(&self.table);
        let chunks = &table.source().contents()?.chunks;
        let mut chosen = Chosen { rows: None };
        if !conditions.is_empty() {
            let mut rows = Vec::with_capacity(chunks.len());
            for (number, chunk) in chunks.iter().enumerate() {
                self.enter(number);
                rows.push(self.passed(chunk.rows, &conditions)?);
            }
            chosen.rows = Some(rows);
        }
        let sorted = sorted(table.source(), order, &chosen, once, &|column| {
            table.texts(column)
        })?;
        let rows = match sorted {
            Sorted::AsStored => return self.begin_scan(conditions),
            Sorted::Rows(rows) => rows,
        };
        self.walk = Walk::End;
        if let Some(&first) = rows.first() {
            self.walk = Walk::Listed { rows, at: 0 };
            self.go_to(first as usize)?;
        }
        Ok(())
    }

    /// Stands at a row of the table.
    fn go_to(&mut self, row: usize) -> rusqlite::Result<()> {
        let table = Rc::clone(&self.table);
        let contents = table.source().contents()?;
        if let Some(chunk) = contents.chunks.get(self.chunk)
            && (chunk.start..chunk.start + chunk.rows).contains(&row)
        {
            self.row = row - chunk.start;
            return Ok(());
        }
        match contents.locate(row) {
            Some((chunk, row)) => {
                self.enter(chunk);
                self.row = row;
            }
            None => self.walk = Walk::End,
        }
        Ok(())
    }

    /// Forgets the columns of the row group before.
    fn enter(&mut self, chunk: usize) {
        if self.chunk != chunk {
            self.chunk = chunk;
            self.columns
                .get_mut()
                .iter_mut()
                .for_each(|values| *values = None);
        }
    }

    /// Hands a value to SQLite. Each kind by itself: the common ones take no detour.
    fn give(&self, context: &mut Context, values: &Values) -> rusqlite::Result<()> {
        match values.get(self.row) {
            Value::Null => Ok(()),
            Value::Integer(n) => context.set_result(n),
            Value::Real(x) => context.set_result(x),
            Value::Boolean(truth) => context.set_result(truth),
            Value::Text(text) => context.set_result(text),
            Value::Time(micros) => context.set_result(moment(micros)),
        }
    }

    /// Looks at a column of the row group.
    fn look<T>(&self, column: usize, look: impl FnOnce(&Values) -> T) -> rusqlite::Result<T> {
        let mut columns = self.columns.borrow_mut();
        if columns.len() <= column {
            columns.resize(column + 1, None);
        }
        match &columns[column] {
            Some(values) => Ok(look(values)),
            None => {
                let values = self.table.source().values(self.chunk, column, self.keeps)?;
                Ok(look(columns[column].insert(values)))
            }
        }
    }

    /// A column of the row group, which is looked at again for the rows that pass.
    fn values(&self, column: usize) -> rusqlite::Result<Rc<Values>> {
        self.look(column, |_| ())?;
        let columns = self.columns.borrow();
        let values = columns.get(column).and_then(Option::as_ref);
        values
            .map(Rc::clone)
            .ok_or_else(|| rusqlite::Error::ModuleError("a column is gone".to_owned()))
    }
}
