/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tidy.h - what clang's analyzer cannot see across files, told to it alone: the
 * err_ functions return -1. Included by tests/lint.sh, never by the product.
 */
#include "lib/err.h"

#define err_set(...)                                                                               \
	({                                                                                         \
		(err_set)(__VA_ARGS__);                                                            \
		-1;                                                                                \
	})
#define err_errno(...)                                                                             \
	({                                                                                         \
		(err_errno)(__VA_ARGS__);                                                          \
		-1;                                                                                \
	})
#define err_field(...)                                                                             \
	({                                                                                         \
		(err_field)(__VA_ARGS__);                                                          \
		-1;                                                                                \
	})
#define err_wrap(...)                                                                              \
	({                                                                                         \
		(err_wrap)(__VA_ARGS__);                                                           \
		-1;                                                                                \
	})
