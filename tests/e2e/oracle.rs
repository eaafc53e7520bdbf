pub(crate) const CASES: &[crate::trial::Case] = &[];
