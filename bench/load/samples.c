/* Durations, and their percentiles. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

void sample(struct samples *to, ns duration) {
    if (to->count == to->room) to->values = realloc(to->values, (to->room = to->room * 2 + 1024) * sizeof *to->values);
    to->values[to->count++] = (float)duration / 1e6f;
}

static int smaller(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void print_samples(const char *name, struct samples *of) {
    size_t count = of->count;
    if (count) {
        qsort(of->values, count, sizeof *of->values, smaller);
        printf("\"%s\": {\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"max\": %.3f}, ", name, of->values[count / 2],
               of->values[count * 9 / 10], of->values[count * 99 / 100], of->values[count - 1]);
    }
    of->count = 0;
}
