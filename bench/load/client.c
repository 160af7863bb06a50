/* The load client: sends the requests it was given, over as many connections as it was told, and reads the streams that come back.

   It takes any stream whose `data:` lines hold `"content": "w<i> "`, ours and OpenAI's alike, and counts what is lost, doubled or out
   of order. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    int stream;
    size_t size;
    char *bytes;
};

enum place { HEAD, SIZE, CHUNK, AFTER_CHUNK, TRAILER, BODY };

struct client {
    struct watched watched;
    const struct request *request;
    enum place place;
    size_t left; /* of the chunk or the body */
    char *held;  /* an unfinished head or line */
    size_t held_count, held_room;
    long next, last_id;
    int after_cut;
    ns began, last, cut_at;
};

static struct {
    struct run wanted;
    struct request *requests;
    struct client *clients;
    int next_request, open, done, ok, number;
    long tokens, bad_status, disordered, incomplete, refused, reported;
    ns began, ended;
    struct rusage before;
} run;

static struct samples first_token, gap, behind, resumed;

static void connect_client(struct client *one);
static void next_request(struct client *one);
static void finish_run(void);

static void close_client(struct client *one) {
    if (one->watched.fd >= 0) close(one->watched.fd);
    one->watched.fd = -1;
}

static void over(struct client *one, int good) {
    run.done++;
    if (good) run.ok++;
    one->request = NULL;
    run.ended = now();
    if (run.done == run.wanted.requests)
        finish_run();
    else
        next_request(one);
}

static void failed(struct client *one, long *why) {
    ++*why;
    close_client(one);
    if (one->request) over(one, 0);
}

static void send_request(struct client *one) {
    char *bytes = one->request->bytes, *place = memmem(bytes, one->request->size, "@@LAST@@", 8);
    if (place) { /* the number keeps the width, so that nothing moves */
        char number[16];
        sprintf(number, "%08ld", one->last_id);
        memcpy(place, number, 8);
    }
    ssize_t sent = send(one->watched.fd, bytes, one->request->size, 0);
    if (place) memcpy(place, "@@LAST@@", 8);
    one->place = HEAD;
    one->held_count = one->left = 0;
    if (sent != (ssize_t)one->request->size) failed(one, &run.refused);
}

static void next_request(struct client *one) {
    if (run.next_request == run.wanted.requests) return;
    one->request = &run.requests[run.next_request++];
    one->next = one->last_id = 0;
    one->began = now(), one->last = 0;
    if (one->watched.fd >= 0)
        send_request(one);
    else
        connect_client(one);
}

static void token(struct client *one, long number, ns time) {
    int stream = one->request->stream;
    if (number != one->next) {
        run.disordered++;
        one->next = number;
    }
    one->next++;
    run.tokens++;
    if (one->last)
        sample(&gap, time - one->last);
    else
        sample(&first_token, time - one->began);
    one->last = time;
    if (stream < script_count && number < script_tokens && scripts[stream].sent_at[number] >= one->began)
        sample(&behind, time - scripts[stream].sent_at[number]);
    upstream_arrived(stream);
}

static void line(struct client *one, const char *text, size_t size, ns time) {
    if (size > 4 && memcmp(text, "id: ", 4) == 0) {
        one->last_id = atol(text + 4);
        return;
    }
    if (size < 6 || memcmp(text, "data:", 5) != 0) return;
    if (one->after_cut) {
        sample(&resumed, time - one->cut_at);
        one->after_cut = 0;
    }
    const char *end = text + size, *found = memmem(text, size, "\"content\":", 10);
    if (!found) {
        if (memmem(text, size, "\"error\"", 7)) run.reported++;
        return;
    }
    for (found += 10; found < end && *found == ' '; found++);
    if (found < end && *found == '"') found++;
    while (found < end && *found == 'w') {
        char *after;
        long number = strtol(found + 1, &after, 10);
        token(one, number, time);
        found = after + 1;
    }
}

static void hold(struct client *one, const char *text, size_t size) {
    if (one->held_room < one->held_count + size + 1)
        one->held = realloc(one->held, one->held_room = (one->held_count + size) * 2 + 256);
    memcpy(one->held + one->held_count, text, size);
    one->held_count += size;
}

static void lines(struct client *one, const char *text, size_t size, ns time) {
    const char *end = text + size, *stop;
    while (text < end && (stop = memchr(text, '\n', (size_t)(end - text)))) {
        if (one->held_count) {
            hold(one, text, (size_t)(stop - text));
            size_t count = one->held_count;
            one->held[count] = 0, one->held_count = 0;
            line(one, one->held, count, time);
        } else
            line(one, text, (size_t)(stop - text), time);
        text = stop + 1;
        if (!one->request) return;
    }
    if (text < end) hold(one, text, (size_t)(end - text));
}

static void ended(struct client *one) {
    int whole = one->next == script_tokens;
    if (!whole) {
        if (getenv("LOAD_VERBOSE")) fprintf(stderr, "stream %d ended after %ld tokens\n", one->request->stream, one->next);
        run.incomplete++;
    }
    over(one, whole);
}

/* The body: chunks, or as many bytes as were announced. */
static void body(struct client *one, const char *text, size_t size, ns time) {
    static const char digits[] = "0123456789abcdef";
    while (size && one->request) {
        size_t part = 1;
        if (one->place == CHUNK || one->place == BODY) {
            part = size < one->left ? size : one->left;
            lines(one, text, part, time);
            if (!(one->left -= part)) {
                if (one->place == BODY)
                    ended(one);
                else
                    one->place = AFTER_CHUNK;
            }
        } else if (one->place == SIZE) {
            const char *digit = *text == '\n' ? NULL : strchr(digits, *text | 32);
            if (digit && *digit)
                one->left = one->left * 16 + (size_t)(digit - digits);
            else if (*text == '\n')
                one->place = one->left ? CHUNK : TRAILER;
        } else if (*text == '\n') {
            if (one->place == TRAILER)
                ended(one);
            else
                one->place = SIZE;
        }
        text += part, size -= part;
    }
}

/* The head of an answer, once it is whole; whatever follows it is body. */
static void head(struct client *one, const char *text, size_t size, ns time) {
    hold(one, text, size);
    one->held[one->held_count] = 0;
    char *stop = strstr(one->held, "\r\n\r\n");
    if (!stop) return;
    stop[2] = 0;
    int status = atoi(one->held + 9);
    char *length = strcasestr(one->held, "\r\ncontent-length:");
    one->place = strcasestr(one->held, "\r\ntransfer-encoding: chunked") ? SIZE : BODY;
    one->left = length && one->place == BODY ? (size_t)atol(length + 17) : 0;
    if (one->place == BODY && !length) one->left = (size_t)-1; /* until the connection ends */
    if (status != 200) {
        if (getenv("LOAD_VERBOSE")) fprintf(stderr, "%s\n%s\n", one->held, stop + 4);
        failed(one, &run.bad_status);
        return;
    }
    size_t rest = one->held_count - (size_t)(stop + 4 - one->held);
    one->held_count = 0;
    if (rest) {
        char *copy = memcpy(malloc(rest), stop + 4, rest);
        body(one, copy, rest, time);
        free(copy);
    }
}

static void ready(struct watched *self, uint32_t events) {
    static char read[1 << 16];
    struct client *one = (struct client *)self;
    if (events & EPOLLOUT) { /* connected */
        watch_again(self, EPOLLIN);
        send_request(one);
        return;
    }
    ssize_t count = recv(self->fd, read, sizeof read, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
        close_client(one);
        if (one->request && one->place == BODY && one->left > ((size_t)-1 >> 1))
            ended(one);
        else if (one->request)
            failed(one, &run.incomplete);
        return;
    }
    if (!one->request) return;
    if (one->place == HEAD)
        head(one, read, (size_t)count, now());
    else
        body(one, read, (size_t)count, now());
}

static void connect_client(struct client *one) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)run.wanted.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    one->watched = (struct watched){fd, ready};
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
        failed(one, &run.refused);
        return;
    }
    watch(&one->watched, EPOLLOUT);
}

static void start(void *what) {
    next_request(what);
}

/* Every reader loses its connection at once, and comes back with the number of the last event it has. */
static void cut(void *what) {
    if ((intptr_t)what != run.number) return;
    for (int i = 0; i < run.open; i++) {
        struct client *one = &run.clients[i];
        if (!one->request) continue;
        close_client(one);
        one->cut_at = now(), one->after_cut = 1;
        one->place = HEAD, one->held_count = 0;
    }
    for (int i = 0; i < run.open; i++)
        if (run.clients[i].request) connect_client(&run.clients[i]);
}

static void expire(void *what) {
    if ((intptr_t)what != run.number || run.done == run.wanted.requests) return;
    for (int i = 0; i < run.open; i++)
        if (run.clients[i].request) {
            run.incomplete++;
            close_client(&run.clients[i]);
        }
    run.ended = now();
    finish_run();
}

void client_run(const struct run *wanted) {
    free(run.clients);
    int number = run.number + 1;
    memset(&run, 0, sizeof run);
    run.wanted = *wanted, run.number = number, run.open = wanted->connections;
    run.requests = calloc((size_t)wanted->requests, sizeof *run.requests);
    run.clients = calloc((size_t)wanted->connections, sizeof *run.clients);
    for (int i = 0; i < wanted->requests; i++) {
        struct request *one = &run.requests[i];
        if (scanf("%d %zu", &one->stream, &one->size) != 2 || getchar() != '\n') die("a request without its head");
        one->bytes = malloc(one->size);
        if (fread(one->bytes, 1, one->size, stdin) != one->size) die("a request that is cut");
    }
    getrusage(RUSAGE_SELF, &run.before);
    run.began = now();
    for (int i = 0; i < run.open; i++) {
        run.clients[i].watched.fd = -1;
        at(run.began + i * wanted->stagger, start, &run.clients[i]);
    }
    if (wanted->cut) at(run.began + wanted->cut, cut, (void *)(intptr_t)number);
    at(run.began + wanted->limit, expire, (void *)(intptr_t)number);
}

static double seconds(struct timeval t) {
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void finish_run(void) {
    struct rusage after;
    getrusage(RUSAGE_SELF, &after);
    run.done = run.wanted.requests;
    for (int i = 0; i < run.open; i++) {
        close_client(&run.clients[i]);
        run.clients[i].request = NULL;
        free(run.clients[i].held);
        run.clients[i].held = NULL;
    }
    for (int i = 0; i < run.wanted.requests; i++) free(run.requests[i].bytes);
    free(run.requests);
    run.requests = NULL;
    double own = seconds(after.ru_utime) + seconds(after.ru_stime) - seconds(run.before.ru_utime) - seconds(run.before.ru_stime);
    printf("{\"requests\": %d, \"whole\": %d, \"tokens\": %ld, \"seconds\": %.6f, \"own_cpu_seconds\": %.6f, ", run.wanted.requests, run.ok,
           run.tokens, (double)(run.ended - run.began) / SECOND, own);
    printf("\"errors\": {\"refused\": %ld, \"status\": %ld, \"disordered\": %ld, \"incomplete\": %ld, \"reported\": %ld}, ", run.refused,
           run.bad_status, run.disordered, run.incomplete, run.reported);
    print_samples("first_token_ms", &first_token);
    print_samples("gap_ms", &gap);
    print_samples("behind_ms", &behind);
    print_samples("resumed_ms", &resumed);
    printf("\"end\": true}\n");
    fflush(stdout);
}
