//! `"%s".format([…])`.
