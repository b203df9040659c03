//! A key that tests add to the registry: what adding a key takes, and that one which comes later changes no identity.

use super::id::Id;
use super::kind::{FIRST, Key, KeyKind, PLAIN, Preset};

pub(super) const ENTRY: Key = Key {
    id: Id::MeasureDummy,
    name: "measure.dummy",
    column: "measure_dummy",
    doc: "means nothing",
    default: Preset::Int(5),
    kind: KeyKind::Int { min: 0, max: 9 },
    costs: false,
    since: FIRST + 1,
    ..PLAIN
};

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::refs::Arrays;
    use crate::spec::Spec;
    use crate::value::Value;
    use crate::{Folder, Grid};

    fn grid(lines: &str) -> Grid {
        let text = format!("name = \"x\"\n[problem]\ndim = 4\n{lines}");
        let spec = Spec::parse(&text, "x.toml", &[]).expect("a sweep");
        Grid::new(spec, Arrays::new()).expect("a grid")
    }

    fn id(grid: &Grid, index: u64) -> String {
        let id = grid.id_of(index).expect("within");
        let point = grid.point(index).expect("within");
        assert_eq!(id, point.trial_id());
        assert_eq!(grid.locate(&point), Some(index));
        id.to_string()
    }

    #[test]
    fn a_later_key_is_absent_from_identities_while_it_has_its_default() {
        let before = id(&grid(""), 0);
        // As the program without this key makes it.
        assert_eq!(before, "b9fdd042b01269a47470e1f14a01301d");
        assert_eq!(id(&grid("[measure]\ndummy = 5\n"), 0), before);
        let other = id(&grid("[measure]\ndummy = 6\n"), 0);
        assert_ne!(other, before);
        for axis in ["[6, 5]", "{ range = [5, 7] }"] {
            let swept = grid(&format!("[axes]\n\"measure.dummy\" = {axis}\n"));
            let mut ids = [id(&swept, 0), id(&swept, 1)];
            if axis.starts_with('[') {
                ids.reverse();
            }
            assert_eq!(ids, [before.clone(), other.clone()], "{axis}");
            let value = |index| {
                swept
                    .point(index)
                    .expect("within")
                    .get("measure.dummy")
                    .cloned()
            };
            assert!([value(0), value(1)].contains(&Some(Value::Int(5))));
        }
    }

    #[test]
    fn a_folder_grows_along_a_later_key() {
        let mut folder = Folder::new(Arc::new(grid("[axes]\n\"replicate\" = [0, 1]\n")));
        let grown = grid("[axes]\n\"replicate\" = [0, 1]\n\"measure.dummy\" = [5, 6, 7]\n");
        folder
            .grow(Arc::new(grown))
            .expect("it contains the old one");
        assert_eq!(folder.count(), 6);
    }
}
