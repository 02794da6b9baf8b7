/*
 * Runs a fuzz target over files instead of a fuzzer's inventions: the seeds
 * (t/fuzz/seeds/<name>/) and whatever else is named.  TAP on stdout, so that
 * prove counts it as a test; a crash is the failure.
 */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static int
replay(const char *path)
{
    FILE    *f;
    long     size;
    size_t   n;
    uint8_t *data;

    f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
        perror(path);
        exit(1);
    }

    rewind(f);

    data = malloc((size_t) size + 1);
    if (data == NULL) {
        exit(1);
    }

    n = fread(data, 1, (size_t) size, f);
    fclose(f);

    LLVMFuzzerTestOneInput(data, n);

    free(data);

    return 1;
}


int
main(int argc, char **argv)
{
    int            count;
    DIR           *dir;
    char           folder[256], path[1024];
    const char    *name;
    struct dirent *entry;

    name = strstr(argv[0], "replay_");
    if (name == NULL) {
        return 1;
    }

    snprintf(folder, sizeof(folder), "t/fuzz/seeds/%s", name + 7);

    dir = opendir(folder);
    if (dir == NULL) {
        perror(folder);
        return 1;
    }

    count = 0;

    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            count += replay(path);
        }
    }

    closedir(dir);

    if (count == 0) {
        fprintf(stderr, "no seeds in %s\n", folder);
        return 1;
    }

    printf("1..1\nok 1 - %d seeds of %s\n", count, name + 7);

    return 0;
}
