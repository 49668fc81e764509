//! Whether this processor can run a program that was compiled for x86-64-v3.
//!
//! `is_x86_feature_detected!` is a constant for features that the program is compiled for, so the system is asked.

/// The first of the features that the program needs and the processor lacks, if the system tells.
///
/// # Errors
/// What is missing, and the mend.
pub fn check() -> Result<(), String> {
    // A program that is compiled for any processor runs on any.
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_feature = "avx2")) {
        return Ok(());
    }
    match std::fs::read_to_string("/proc/cpuinfo") {
        Ok(text) => judge(&text),
        Err(_) => Ok(()),
    }
}

fn judge(cpuinfo: &str) -> Result<(), String> {
    let flags = cpuinfo.lines().find_map(|line| line.strip_prefix("flags")?.trim_start().strip_prefix(':'));
    let Some(flags) = flags else { return Ok(()) };
    let has = |feature: &str| flags.split_ascii_whitespace().any(|flag| flag == feature);
    let missing: Vec<&str> = ["avx2", "fma", "bmi2", "f16c"].into_iter().filter(|feature| !has(feature)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "this processor lacks {}, which this program is compiled for; run it on a newer one (an Intel processor since \
         2013 or an AMD one since 2015; in a virtual machine, pass the host's processor through), or compile it \
         without `target-cpu=x86-64-v3`",
        missing.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_features_are_named() {
        let check = |cpuinfo: &str, expect: Option<&str>| {
            let told = judge(cpuinfo).err();
            assert_eq!(told.is_some(), expect.is_some(), "{cpuinfo}: {told:?}");
            assert!(told.unwrap_or_default().contains(expect.unwrap_or_default()), "{cpuinfo}");
        };
        check("processor\t: 0\nflags\t\t: fpu avx avx2 fma bmi1 bmi2 f16c\n", None);
        check("processor\t: 0\nflags\t\t: fpu avx avx2x bmi2 f16c\n", Some("lacks avx2, fma, which"));
        check("flags\t\t: fpu\nflags\t\t: avx2 fma bmi2 f16c\n", Some("lacks avx2, fma, bmi2, f16c, which"));
        check("processor\t: 0\n", None);
        check("", None);
    }
}
