//! The instruction set that the kernels dispatch to on this machine.
//!
//! Results are the same to the last bit on machines of one instruction set, so every trial carries its
//! name. The choice itself is made inside pulp and faer; this file repeats their test.

/// `avx512`, `avx2+fma`, `neon` or `scalar`.
pub fn isa() -> &'static str {
    detect()
}

#[cfg(target_arch = "x86_64")]
fn detect() -> &'static str {
    if std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512cd")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512vl")
    {
        "avx512"
    } else if std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("fma")
    {
        "avx2+fma"
    } else {
        "scalar"
    }
}

#[cfg(target_arch = "aarch64")]
fn detect() -> &'static str {
    if std::arch::is_aarch64_feature_detected!("neon") {
        "neon"
    } else {
        "scalar"
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect() -> &'static str {
    "scalar"
}

#[cfg(test)]
mod tests {
    use super::isa;

    #[test]
    fn the_name_is_one_of_the_documented_ones() {
        assert!(["avx512", "avx2+fma", "neon", "scalar"].contains(&isa()));
    }
}
