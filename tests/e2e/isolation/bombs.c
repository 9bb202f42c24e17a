/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"
void
test_bombs(void)
{
}
void
test_selfcheck(void)
{
}
