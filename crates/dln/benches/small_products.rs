//! Products of small matrices, ours against nano-gemm's: `cargo bench -p dln --bench small_products`.
//!
//! The shapes are those of a step on a core: `A B` and `A^T B` of square cores, as they are and added to what is there.
//! nano-gemm is at its best: its plans are made beforehand. Both take turns, so that they see the machine in the same
//! state, and the shortest of many rounds counts. Prints nanoseconds a product, the ratio, and whether the bits agree.
#![expect(clippy::print_stdout, reason = "the figures are its output")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(non_snake_case, reason = "matrices keep the capitals of the papers")]
#![expect(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "a few functions of each file are called"
)]

// The code itself, which the crate does not show.
#[path = "../src/kernel/elementwise.rs"]
mod elementwise;
#[path = "../src/kernel/simd/lanes.rs"]
mod lanes;
#[path = "../src/kernel/product.rs"]
mod product;
#[path = "../src/kernel/real.rs"]
mod real;
#[path = "../src/kernel/smooth/mod.rs"]
mod smooth;
#[path = "../src/kernel/simd/tiles.rs"]
mod tiles;
#[path = "../src/kernel/view.rs"]
mod view;

/// The paths by which the files know each other.
mod kernel {
    pub(crate) use crate::elementwise::square_sum;
    pub(crate) use crate::product::{Accum, Threads, product};
    pub(crate) use crate::real::Real;

    pub(crate) mod simd {
        pub(crate) use crate::lanes::{archs, stride};
    }
}

use std::hint::black_box;
use std::time::Instant;

use nano_gemm::Plan;
use pulp::{Simd, WithSimd};

use lanes::{Buffer, arch_for, stride};
use product::Threads;
use real::Real;
use smooth::Smooth;
use tiles::{Mat, MatMut, Products, Store, Tiles};
use view::{view, view_mut};

/// Rows and columns of the cores.
const SIZES: [usize; 6] = [5, 10, 20, 32, 66, 100];
/// Rounds in which both take turns.
const ROUNDS: usize = 41;
/// Multiplications of a round: some ten microseconds to two milliseconds, by the size.
const MULTIPLICATIONS: usize = 1 << 21;

#[derive(Clone, Copy)]
enum Form {
    Plain,
    Transposed,
}

fn main() {
    println!("instruction set {}", dln::isa());
    println!("form       size  store     ours ns  nano-gemm ns  nano-gemm / ours  same bits");
    for size in SIZES {
        for form in [Form::Plain, Form::Transposed] {
            for store in [
                Store::Replace { factor: 1.0 },
                Store::Update {
                    keep: 1.0,
                    factor: -1e-3,
                },
            ] {
                compare(size, form, store);
            }
        }
    }
}

/// Square matrices of one layout.
struct Matrices {
    A: Buffer<f64>,
    B: Buffer<f64>,
    C: Buffer<f64>,
    size: usize,
    stride: usize,
}

impl Matrices {
    fn new(size: usize) -> Matrices {
        let stride = stride::<f64>(arch_for::<f64>(size), size);
        let matrix = |seed: usize| {
            let mut entries = Buffer::zeros(size * stride);
            for i in 0..size {
                for j in 0..size {
                    let number = (i * 131 + j * 17 + i * j + seed * 7919) % 101;
                    entries[i * stride + j] = (number as f64 / 50.5 - 1.0) / size as f64;
                }
            }
            entries
        };
        Matrices {
            A: matrix(1),
            B: matrix(2),
            C: matrix(3),
            size,
            stride,
        }
    }
}

fn compare(size: usize, form: Form, store: Store<f64>) {
    let (mut one, mut other) = (Matrices::new(size), Matrices::new(size));
    let count = MULTIPLICATIONS.div_ceil(size.pow(3)).min(1 << 12);
    let plan = Plan::new_colmajor_lhs_and_dst_f64(size, size, size);
    let arch = arch_for::<f64>(size);
    let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
    let mut same = true;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        arch.dispatch(Ours {
            matrices: &mut one,
            form,
            store,
            count,
        });
        let between = Instant::now();
        for _ in 0..count {
            nano(&plan, black_box(&mut other), form, store);
        }
        let ended = Instant::now();
        ours = ours.min((between - begun).as_secs_f64());
        theirs = theirs.min((ended - between).as_secs_f64());
        same &= one.C[..] == other.C[..];
    }
    let nanoseconds = 1e9 / count as f64;
    let (form, store) = (
        match form {
            Form::Plain => "A B",
            Form::Transposed => "A^T B",
        },
        match store {
            Store::Replace { .. } => "replace",
            Store::Update { .. } => "update",
        },
    );
    println!(
        "{form:<10} {size:>4}  {store:<7} {:>9.1} {:>13.1} {:>17.2}  {same}",
        ours * nanoseconds,
        theirs * nanoseconds,
        theirs / ours
    );
}

/// Many products under one dispatch, as a step makes them.
struct Ours<'a> {
    matrices: &'a mut Matrices,
    form: Form,
    store: Store<f64>,
    count: usize,
}

impl WithSimd for Ours<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for _ in 0..self.count {
            let matrices = black_box(&mut *self.matrices);
            let (rows, columns, stride) = (matrices.size, matrices.size, matrices.stride);
            let read = |entries| Mat {
                entries,
                rows,
                columns,
                stride,
            };
            let C = MatMut {
                entries: &mut matrices.C[..],
                rows,
                columns,
                stride,
            };
            let (A, B) = (read(&matrices.A[..]), read(&matrices.B[..]));
            match self.form {
                Form::Plain => Tiles(simd).times(C, A, B, self.store),
                Form::Transposed => Tiles(simd).transposed_times(C, A, B, self.store),
            }
        }
    }
}

/// The same product by nano-gemm, whose columns are our rows: `C^T = B^T A^T`, or `B^T A`.
fn nano(plan: &Plan<f64>, matrices: &mut Matrices, form: Form, store: Store<f64>) {
    let (n, stride) = (matrices.size, matrices.stride as isize);
    let (keep, factor) = match store {
        Store::Replace { factor } => (0.0, factor),
        Store::Update { keep, factor } => (keep, factor),
    };
    let (row_stride, column_stride) = match form {
        Form::Plain => (1, stride),
        Form::Transposed => (stride, 1),
    };
    let out = matrices.C.as_mut_ptr();
    let (left, right) = (matrices.B.as_ptr(), matrices.A.as_ptr());
    #[expect(unsafe_code, reason = "nano-gemm takes pointers and strides")]
    // SAFETY: each matrix has `n` rows of `stride >= n` entries, so every index below `n` is inside of its buffer; the
    // plan is for these sizes, and the three buffers are apart.
    unsafe {
        plan.execute_unchecked(
            n,
            n,
            n,
            out,
            1,
            stride,
            left,
            1,
            stride,
            right,
            row_stride,
            column_stride,
            keep,
            factor,
            false,
            false,
        );
    }
}
