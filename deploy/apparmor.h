/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apparmor.h - what a workload may do, said a second time in AppArmor's words,
 * for hosts whose kernel has it. Pure: a text and its name.
 *
 * Nothing in it opens a door that other walls shut; it is there for the day one
 * of them has a hole: no mounts, no capability, no foreign signals, no kernel
 * interface under /proc or /sys, whoever the process has become.
 */
#ifndef GAVEL_APPARMOR_H
#define GAVEL_APPARMOR_H

#define APPARMOR_PROFILE "gavel-lease"

/* Input for apparmor_parser. */
const char *apparmor_text(void);

#endif
