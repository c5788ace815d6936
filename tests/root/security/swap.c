/* swap A B: exchanges the names A and B again and again, as fast as it can, until its stdin ends. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };

	if (argc != 3)
		return 1;
	puts("swapping");
	fflush(stdout);
	while (poll(&in, 1, 0) == 0)
		for (int i = 0; i < 50; i++)
			if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) < 0)
				return 2;
	return 0;
}
