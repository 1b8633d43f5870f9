/* fnmatch(3) of the C library on every pattern and every text: `fnmatch PATTERNS TEXTS` prints, for
 * each line of TEXTS, the numbers of the lines of PATTERNS that match it. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char **read_lines(const char *path, size_t *count)
{
	char **lines = NULL, *line = NULL;
	size_t size = 0, room = 0;
	FILE *file = fopen(path, "r");

	if (!file) {
		perror(path);
		exit(1);
	}
	*count = 0;
	while (getline(&line, &size, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (*count == room) {
			room = room ? 2 * room : 1024;
			lines = realloc(lines, room * sizeof *lines);
			if (!lines)
				abort();
		}
		lines[(*count)++] = strdup(line);
	}
	free(line);
	fclose(file);
	return lines;
}

int main(int argc, char **argv)
{
	size_t patterns, texts, p, t;
	char **pattern, **text;

	if (argc != 3)
		return 2;
	pattern = read_lines(argv[1], &patterns);
	text = read_lines(argv[2], &texts);
	for (t = 0; t < texts; t++) {
		for (p = 0; p < patterns; p++)
			if (fnmatch(pattern[p], text[t], 0) == 0)
				printf("%zu ", p);
		putchar('\n');
	}
	return 0;
}
