/* The loop: sockets, timers, and commands on stdin, one line each.

   `streams count=K tokens=N`   what is coming; forgets what was
   `run port=P connections=C requests=R stagger_us=… limit_ms=… cut_ms=…`   then R times `STREAM LENGTH\n` and the request's bytes

   Each is answered with one line of JSON. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct script *scripts;
int script_count;
long script_tokens;

static int poller;

struct timer {
    ns due;
    void (*fire)(void *);
    void *what;
};
static struct timer *heap;
static size_t heap_count, heap_room;

struct later {
    void (*fire)(void *);
    void *what;
};
static struct later *turn, *next_turn;
static size_t turn_room, next_count, next_room;

void die(const char *what) {
    perror(what);
    exit(1);
}

ns now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

void watch(struct watched *what, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = what};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, what->fd, &event) < 0) die("epoll_ctl");
}

void watch_again(struct watched *what, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = what};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, what->fd, &event) < 0) die("epoll_ctl");
}

void at(ns due, void (*fire)(void *), void *what) {
    if (heap_count == heap_room) heap = realloc(heap, (heap_room = heap_room * 2 + 64) * sizeof *heap);
    size_t i = heap_count++;
    for (; i > 0 && heap[(i - 1) / 2].due > due; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = (struct timer){due, fire, what};
}

static struct timer pop(void) {
    struct timer top = heap[0], last = heap[--heap_count];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < heap_count) {
        if (child + 1 < heap_count && heap[child + 1].due < heap[child].due) child++;
        if (heap[child].due >= last.due) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

void soon(void (*fire)(void *), void *what) {
    if (next_count == next_room) next_turn = realloc(next_turn, (next_room = next_room * 2 + 64) * sizeof *next_turn);
    next_turn[next_count++] = (struct later){fire, what};
}

static void take_turn(void) {
    struct later *mine = next_turn;
    size_t count = next_count, room = next_room;
    next_turn = turn, next_room = turn_room, next_count = 0;
    turn = mine, turn_room = room;
    for (size_t i = 0; i < count; i++) mine[i].fire(mine[i].what);
}

void new_scripts(int count, long tokens) {
    for (int i = 0; i < script_count; i++) free(scripts[i].sent_at);
    scripts = realloc(scripts, (size_t)count * sizeof *scripts);
    for (int i = 0; i < count; i++) scripts[i] = (struct script){calloc((size_t)tokens, sizeof(ns)), NULL};
    script_count = count, script_tokens = tokens;
}

static long option(const char *line, const char *name) {
    const char *found = strstr(line, name);
    return found ? atol(found + strlen(name)) : 0;
}

static void command(struct watched *self, uint32_t events) {
    (void)self, (void)events;
    char line[512];
    if (!fgets(line, sizeof line, stdin)) exit(0);
    if (strncmp(line, "streams ", 8) == 0) {
        new_scripts((int)option(line, "count="), option(line, "tokens="));
        puts("{}");
        fflush(stdout);
    } else if (strncmp(line, "run ", 4) == 0) {
        struct run wanted = {(int)option(line, "port="), (int)option(line, "connections="), (int)option(line, "requests="),
                             option(line, "stagger_us=") * 1000, option(line, "limit_ms=") * 1000000, option(line, "cut_ms=") * 1000000};
        client_run(&wanted);
    } else {
        fprintf(stderr, "unknown command: %s", line);
        exit(1);
    }
}

int main(int argc, char **argv) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    poller = epoll_create1(0);
    struct watched input = {0, command};
    watch(&input, EPOLLIN);
    printf("{\"port\": %d}\n", upstream_listen(argc > 1 ? atoi(argv[1]) : 0));
    fflush(stdout);
    struct epoll_event events[256];
    for (;;) {
        ns wait = heap_count ? heap[0].due - now() : -1;
        if (next_count || (heap_count && wait < 0)) wait = 0;
        struct timespec timeout = {wait / SECOND, wait % SECOND};
        int count = epoll_pwait2(poller, events, 256, wait < 0 ? NULL : &timeout, NULL);
        if (count < 0 && errno != EINTR) die("epoll_pwait2");
        for (int i = 0; i < count; i++) {
            struct watched *what = events[i].data.ptr;
            if (what->fd >= 0) what->ready(what, events[i].events);
        }
        for (ns time = now(); heap_count && heap[0].due <= time;) {
            struct timer timer = pop();
            timer.fire(timer.what);
        }
        take_turn();
    }
}
