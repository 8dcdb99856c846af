//! Each cell of the scenarios is a test.

lvs_matrix_test::scenarios!("scenarios/*.yaml");
