/* The peer of `probe read-modules`: one process that has libkmod read every module named on its
 * standard input, and prints their number, the number of version records, and the seconds taken, by the clock and
 * of the processor. */
#include <libkmod.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static long read_module(struct kmod_ctx *context, const char *path)
{
	struct kmod_module *module;
	struct kmod_list *list = NULL;
	long records;

	if (kmod_module_new_from_path(context, path, &module) < 0)
		return -1;
	records = kmod_module_get_versions(module, &list);
	kmod_module_versions_free_list(list);
	list = NULL;
	kmod_module_get_symbols(module, &list);
	kmod_module_symbols_free_list(list);
	list = NULL;
	kmod_module_get_info(module, &list);
	kmod_module_info_free_list(list);
	kmod_module_unref(module);
	return records;
}

static double since(const struct timespec *begun, clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)(now.tv_sec - begun->tv_sec) + (double)(now.tv_nsec - begun->tv_nsec) / 1e9;
}

int main(void)
{
	const char *no_configuration = NULL;
	struct kmod_ctx *context = kmod_new("/nonexistent", &no_configuration);
	struct timespec begun, cpu;
	char path[4096];
	long modules = 0, records = 0;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	while (fgets(path, sizeof path, stdin)) {
		long found;

		path[strcspn(path, "\n")] = '\0';
		found = read_module(context, path);
		if (found < 0)
			continue;
		records += found;
		modules++;
	}
	printf("%ld %ld %.6f %.6f\n", modules, records, since(&begun, CLOCK_MONOTONIC),
	       since(&cpu, CLOCK_PROCESS_CPUTIME_ID));
	kmod_unref(context);
	return 0;
}
