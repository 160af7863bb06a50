/* A scripted model server and a load client in one program and one thread: the cheapest way to let the next token go out when the
   last one has arrived, and to know by one clock how long each was on its way. */
#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t ns;
#define SECOND ((ns)1000000000)

/* What epoll and the timers know of: a socket with what to do when it is ready. */
struct watched {
    int fd;
    void (*ready)(struct watched *self, uint32_t events);
};

ns now(void);
void watch(struct watched *what, uint32_t events);
void watch_again(struct watched *what, uint32_t events);
void at(ns due, void (*fire)(void *), void *what);
void soon(void (*fire)(void *), void *what); /* once, in the next turn of the loop */
void die(const char *what);

/* Streams, as both sides know them: when each token was sent. `tokens` each, `count` of them; others are not recorded. */
struct upstream;
struct script {
    ns *sent_at;
    struct upstream *server;
};
extern struct script *scripts;
extern int script_count;
extern long script_tokens;
void new_scripts(int count, long tokens);

int upstream_listen(int port);
void upstream_arrived(int stream); /* lock-step: the client has the last token of this stream */

struct run {
    int port, connections, requests;
    ns stagger, limit, cut;
};
void client_run(const struct run *wanted); /* reads the requests from stdin; the result goes to stdout */

/* Figures. */
struct samples {
    float *values;
    size_t count, room;
};
void sample(struct samples *to, ns duration);
void print_samples(const char *name, struct samples *of); /* as JSON, in milliseconds; empties them */

#endif
