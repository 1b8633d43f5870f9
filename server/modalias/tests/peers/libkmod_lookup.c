/* libkmod on many aliases: `libkmod_lookup MODULES TIMES` reads aliases from standard input, asks for
 * each of them TIMES times, and prints the modules found. Last comes a line with the number of
 * aliases and the seconds of processor time that one round took. */
#include <libkmod.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double processor_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static char *read_all(void)
{
	size_t used = 0, room = 1 << 16, got;
	char *text = malloc(room);

	while (text && (got = fread(text + used, 1, room - used - 1, stdin)) > 0) {
		used += got;
		if (room - used < 2)
			text = realloc(text, room *= 2);
	}
	if (!text)
		abort();
	text[used] = '\0';
	return text;
}

int main(int argc, char **argv)
{
	const char *no_configuration = NULL;
	struct kmod_ctx *context;
	double best = 1e9;
	long count = 0;
	int round, rounds;
	char *text, *alias, *end;

	if (argc != 3 || !(context = kmod_new(argv[1], &no_configuration)))
		return 2;
	if (kmod_load_resources(context) < 0)
		return 3;
	text = read_all();
	rounds = atoi(argv[2]);
	for (round = 0; round <= rounds; round++) {
		/* The first round prints and is not timed. */
		double begun = processor_time();

		count = 0;
		for (alias = text; *alias; alias = end + 1) {
			struct kmod_list *list = NULL, *item;

			end = alias + strcspn(alias, "\n");
			if (round == 0)
				*end = '\0';
			end = alias + strlen(alias);
			count++;
			if (kmod_module_new_from_lookup(context, alias, &list) < 0)
				list = NULL;
			if (round == 0) {
				kmod_list_foreach(item, list) {
					struct kmod_module *module = kmod_module_get_module(item);

					printf("%s ", kmod_module_get_name(module));
					kmod_module_unref(module);
				}
				putchar('\n');
			}
			kmod_module_unref_list(list);
		}
		if (round > 0 && processor_time() - begun < best)
			best = processor_time() - begun;
	}
	printf("%ld %.9f\n", count, best);
	kmod_unref(context);
	return 0;
}
