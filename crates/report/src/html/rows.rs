//! Plain tables of a page.

use super::writer::Html;

/// A plain table; a column is of numbers or not.
pub(super) fn table(html: &mut Html, header: &[(&str, bool)], rows: &[Vec<String>]) {
    let class = |is_number: bool| if is_number { "number" } else { "" };
    html.element("div", &[("class", "scroll")], |html| {
        html.element("table", &[], |html| {
            html.element("thead", &[], |html| {
                html.element("tr", &[], |html| {
                    for (name, is_number) in header {
                        html.words(
                            "th",
                            &[("scope", "col"), ("class", class(*is_number))],
                            name,
                        );
                    }
                });
            });
            html.element("tbody", &[], |html| {
                for row in rows {
                    html.element("tr", &[], |html| {
                        for (at, (cell, (_, is_number))) in row.iter().zip(header).enumerate() {
                            if at == 0 {
                                html.words("th", &[("scope", "row")], cell);
                            } else {
                                html.words("td", &[("class", class(*is_number))], cell);
                            }
                        }
                    });
                }
            });
        });
    });
}
