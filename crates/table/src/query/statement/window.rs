//! OVER: windows, their frames and their names.

use sqlparser::ast::{
    Expr, Ident, NamedWindowExpr, Value, WindowFrame, WindowFrameBound, WindowSpec, WindowType,
};

use super::binder::{Binder, at, same};
use super::error::{At, Result, StatementError};
use super::tokens::EXCLUDE_MARK;
use super::types::quoted;

impl<'q> Binder<'q> {
    /// What stands after OVER: its SQL and its header.
    pub(super) fn over(&mut self, over: &'q WindowType) -> Result<(String, String)> {
        match over {
            WindowType::WindowSpec(spec) => self.window(spec),
            WindowType::NamedWindow(name) => {
                let sql = quoted(&self.window_name(name)?);
                let head = self.named_head(name)?;
                Ok((sql, head))
            }
        }
    }

    /// The name of a window of this SELECT as it was given.
    pub(super) fn window_name(&mut self, name: &Ident) -> Result<String> {
        let named = self
            .scope()
            .named
            .iter()
            .find(|window| same(&window.0.value, &name.value));
        match named {
            Some(window) => Ok(window.0.value.clone()),
            None => Err(StatementError::NoWindow {
                name: name.value.clone(),
                at: at(name),
            }),
        }
    }

    /// DuckDB prints a named window in full. Binding it here counts the columns it refers to, too.
    fn named_head(&mut self, name: &Ident) -> Result<String> {
        let named = self
            .scope()
            .named
            .iter()
            .find(|window| same(&window.0.value, &name.value))
            .copied();
        match named.map(|window| &window.1) {
            Some(NamedWindowExpr::WindowSpec(spec)) => {
                Ok(self.descend(At::default(), |binder| binder.window(spec))?.1)
            }
            Some(NamedWindowExpr::NamedWindow(_)) | None => Ok(name.value.clone()),
        }
    }

    pub(super) fn window(&mut self, spec: &'q WindowSpec) -> Result<(String, String)> {
        let (base, exclude) = base_and_exclusion(spec.window_name.as_ref());
        let mut sql: Vec<String> = Vec::new();
        let mut head: Vec<String> = Vec::new();
        if let Some(base) = base {
            let name = self.window_name(&base)?;
            sql.push(quoted(&name));
            head.push(name);
        }
        self.at_place(super::binder::Place::Window, |binder| {
            if !spec.partition_by.is_empty() {
                let keys = spec
                    .partition_by
                    .iter()
                    .map(|key| binder.expr(key))
                    .collect::<Result<Vec<_>>>()?;
                let (keys, heads) = super::constants::lists(&keys);
                sql.push(format!("PARTITION BY {keys}"));
                head.push(format!("PARTITION BY {heads}"));
            }
            if !spec.order_by.is_empty() {
                let (order, heads) = binder.order_within(&spec.order_by)?;
                sql.push(format!("ORDER BY {order}"));
                head.push(format!("ORDER BY {heads}"));
            }
            Ok(())
        })?;
        if let Some(frame) = &spec.window_frame {
            let (frame, frame_head) = self.frame(frame)?;
            sql.push(frame);
            head.push(frame_head);
        }
        if let Some(exclude) = exclude {
            sql.push(format!("EXCLUDE {exclude}"));
            if exclude != "NO OTHERS" {
                head.push(format!("EXCLUDE {exclude}"));
            }
        }
        Ok((
            format!("({})", sql.join(" ")),
            format!("({})", head.join(" ")),
        ))
    }

    fn frame(&mut self, frame: &'q WindowFrame) -> Result<(String, String)> {
        let start = self.bound(&frame.start_bound)?;
        let end = match &frame.end_bound {
            Some(end) => self.bound(end)?,
            None => "CURRENT ROW".to_owned(),
        };
        let sql = format!("{} BETWEEN {start} AND {end}", frame.units);
        Ok((sql.clone(), sql))
    }

    fn bound(&mut self, bound: &'q WindowFrameBound) -> Result<String> {
        let (distance, word) = match bound {
            WindowFrameBound::CurrentRow => return Ok("CURRENT ROW".to_owned()),
            WindowFrameBound::Preceding(distance) => (distance, "PRECEDING"),
            WindowFrameBound::Following(distance) => (distance, "FOLLOWING"),
        };
        let Some(distance) = distance else {
            return Ok(format!("UNBOUNDED {word}"));
        };
        match distance.as_ref() {
            Expr::Value(value) if matches!(value.value, Value::Number(..)) => {
                let number = super::constants::literal(&value.value, At::of(value.span))?;
                Ok(format!("{} {word}", number.sql))
            }
            Expr::Interval(_) => Err(StatementError::unsupported(
                "an INTERVAL in a window's frame",
                "order by epoch(t) and give seconds",
                At::default(),
            )),
            other => Err(StatementError::wrong(
                format!("a window's frame takes a number or UNBOUNDED, not `{other}`"),
                super::constants::place(other),
            )),
        }
    }
}

/// Takes apart what the parse stage put into a window's name.
fn base_and_exclusion(name: Option<&Ident>) -> (Option<Ident>, Option<String>) {
    let Some(name) = name else {
        return (None, None);
    };
    let mut parts = name.value.splitn(3, EXCLUDE_MARK);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(""), Some(exclude), Some(base)) => {
            let base = (!base.is_empty()).then(|| Ident {
                value: base.to_owned(),
                ..name.clone()
            });
            (base, Some(exclude.to_owned()))
        }
        _ => (Some(name.clone()), None),
    }
}
