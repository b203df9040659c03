//! Contours of a grid of values: marching squares.
//!
//! A square of four neighbouring centers is crossed by a level where corners lie on both sides of it; where it enters
//! and leaves is interpolated along the sides. Of the two ways through a saddle the mean of the corners decides.

/// A piece of a contour: its level and both ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) level: f64,
    pub(crate) from: (f64, f64),
    pub(crate) to: (f64, f64),
}

/// Contours of `values[y][x]` at the given coordinates. A square with a missing corner has none.
pub(crate) fn contours(
    xs: &[f64],
    ys: &[f64],
    values: &[Vec<Option<f64>>],
    levels: &[f64],
) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for j in 1..ys.len() {
        for i in 1..xs.len() {
            let corner = |dx: usize, dy: usize| {
                let (x, y) = (i - 1 + dx, j - 1 + dy);
                values[y][x].map(|value| ((xs[x], ys[y]), value))
            };
            let square = [corner(0, 0), corner(1, 0), corner(1, 1), corner(0, 1)];
            let [Some(a), Some(b), Some(c), Some(d)] = square else {
                continue;
            };
            for &level in levels {
                through([a, b, c, d], level, &mut pieces);
            }
        }
    }
    pieces
}

type Corner = ((f64, f64), f64);

/// The pieces of one level within a square whose corners go around it.
fn through(corners: [Corner; 4], level: f64, pieces: &mut Vec<Piece>) {
    let mut crossings = Vec::new();
    for side in 0..4 {
        let ((x0, y0), v0) = corners[side];
        let ((x1, y1), v1) = corners[(side + 1) % 4];
        if (v0 < level) != (v1 < level) {
            let share = (level - v0) / (v1 - v0);
            crossings.push((x0 + share * (x1 - x0), y0 + share * (y1 - y0)));
        }
    }
    let mut piece = |from, to| pieces.push(Piece { level, from, to });
    match crossings.as_slice() {
        [from, to] => piece(*from, *to),
        &[first, second, third, fourth] => {
            let mean = corners.iter().map(|(_, value)| value).sum::<f64>() / 4.0;
            // The middle belongs to the side of the first corner: the other two corners are cut off.
            if (mean < level) == (corners[0].1 < level) {
                piece(first, second);
                piece(third, fourth);
            } else {
                piece(fourth, first);
                piece(second, third);
            }
        }
        _ => {}
    }
}

/// Levels between the smallest and the largest value.
pub(crate) fn levels(low: f64, high: f64, count: usize) -> Vec<f64> {
    let part = |i: usize| low + (high - low) * i as f64 / (count + 1) as f64;
    (1..=count).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_has_straight_contours() {
        let xs = [0.0, 1.0, 2.0];
        let values: Vec<Vec<Option<f64>>> = (0..3)
            .map(|_| xs.iter().map(|&x| Some(x)).collect())
            .collect();
        let pieces = contours(&xs, &xs, &values, &[0.5]);
        assert_eq!(pieces.len(), 2);
        for piece in &pieces {
            assert_eq!((piece.from.0, piece.to.0), (0.5, 0.5));
        }
        assert_eq!(levels(0.0, 4.0, 3), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_saddle_has_two_pieces_and_a_gap_none() {
        let xs = [0.0, 1.0];
        let values = vec![vec![Some(1.0), Some(0.0)], vec![Some(0.0), Some(1.0)]];
        let pieces = contours(&xs, &xs, &values, &[0.6]);
        assert_eq!(pieces.len(), 2);
        // The middle is below the level: each high corner is cut off on its own.
        let near = |piece: &Piece, x: f64, y: f64| {
            [piece.from, piece.to]
                .iter()
                .all(|end| (end.0 - x).abs() <= 0.5 && (end.1 - y).abs() <= 0.5)
        };
        assert!(
            pieces.iter().any(|piece| near(piece, 0.0, 0.0)),
            "{pieces:?}"
        );
        assert!(
            pieces.iter().any(|piece| near(piece, 1.0, 1.0)),
            "{pieces:?}"
        );
        let gap = vec![vec![Some(1.0), None], vec![Some(0.0), Some(1.0)]];
        assert!(contours(&xs, &xs, &gap, &[0.6]).is_empty());
    }
}
