/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"
void
test_reach(void)
{
}
