//! Macros, expanded exactly as cel-go does: costs are counted on what they expand to.
