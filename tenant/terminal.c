/* SPDX-License-Identifier: Apache-2.0 */
#include "tenant/terminal.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;
static volatile sig_atomic_t is_raw;

bool
terminal_is_here(void)
{
	return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
}

/* tcsetattr() may be called in a signal handler (POSIX.1 2.4.3). */
void
terminal_restore(void)
{
	if (is_raw == 0)
		return;
	is_raw = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void
on_fatal(int signo)
{
	terminal_restore();
	signal(signo, SIG_DFL);
	raise(signo);
}

int
terminal_raw(struct err *e)
{
	static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT };
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return err_errno(e, "terminal");
	raw = before;
	cfmakeraw(&raw);
	for (size_t i = 0; i < NELEMS(fatal_signals); i++)
		signal(fatal_signals[i], on_fatal);
	atexit(terminal_restore);
	is_raw = 1;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0)
		return err_errno(e, "terminal");
	return 0;
}

void
terminal_size(uint32_t *rows, uint32_t *cols)
{
	struct winsize size;

	*rows = 24;
	*cols = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row != 0 && size.ws_col != 0) {
		*rows = size.ws_row;
		*cols = size.ws_col;
	}
}
