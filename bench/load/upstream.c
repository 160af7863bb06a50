/* The model server: OpenAI-compatible, streaming, as llama.cpp's server writes it, one write a token.

   What a request gets stands in its text: `@lam stream=7 tokens=200 pace_us=20000 lock=0 @`. With pace_us=0 tokens go out as fast as
   they are taken; with lock=1 the next one only when the client has the last. wait_us is the time to the first one. Token number i is
   `w<i> `. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BURST 16 /* tokens of one stream in one turn, each its own write */

struct upstream {
    struct watched watched;
    char *in;
    size_t in_count, in_room;
    char out[4096];
    size_t out_count, out_done;
    int streaming, stream, lock, pending; /* pending: timers and turns that know of it */
    long tokens, sent;
    ns pace, due;
};

static const char EVENT[] = "data: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\"w%ld \"}}],"
                            "\"created\":1760000000,\"id\":\"chatcmpl-7Qmvbn3Wc0Kd1Xj5\",\"model\":\"bench\","
                            "\"system_fingerprint\":\"b6000-0123abcd\",\"object\":\"chat.completion.chunk\"}\n\n";
static const char FIRST[] = "data: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null}}],"
                            "\"created\":1760000000,\"id\":\"chatcmpl-7Qmvbn3Wc0Kd1Xj5\",\"model\":\"bench\","
                            "\"object\":\"chat.completion.chunk\"}\n\n";
static const char LAST[] = "data: {\"choices\":[{\"finish_reason\":\"stop\",\"index\":0,\"delta\":{}}],\"created\":1760000000,"
                           "\"id\":\"chatcmpl-7Qmvbn3Wc0Kd1Xj5\",\"model\":\"bench\",\"object\":\"chat.completion.chunk\"}\n\n"
                           "data: {\"choices\":[],\"created\":1760000000,\"id\":\"chatcmpl-7Qmvbn3Wc0Kd1Xj5\",\"model\":\"bench\","
                           "\"object\":\"chat.completion.chunk\",\"usage\":{\"completion_tokens\":%ld,\"prompt_tokens\":10,"
                           "\"total_tokens\":%ld}}\n\ndata: [DONE]\n\n";

static void step(void *what);

static void end(struct upstream *one) {
    if (one->watched.fd >= 0) close(one->watched.fd);
    one->watched.fd = -1;
    if (one->streaming && one->stream < script_count && scripts[one->stream].server == one) scripts[one->stream].server = NULL;
    one->streaming = 0;
    if (!one->pending) {
        free(one->in);
        free(one);
    }
}

/* Sends what stands in `out`; whether all of it went. */
static int flush(struct upstream *one) {
    while (one->out_done < one->out_count) {
        ssize_t sent = send(one->watched.fd, one->out + one->out_done, one->out_count - one->out_done, 0);
        if (sent < 0 && errno == EAGAIN) {
            watch_again(&one->watched, EPOLLIN | EPOLLOUT);
            return 0;
        }
        if (sent < 0) return 0; /* the other side is gone: reading will tell */
        one->out_done += (size_t)sent;
    }
    one->out_count = one->out_done = 0;
    return 1;
}

static void chunk(struct upstream *one, const char *text, size_t size) {
    one->out_count += (size_t)sprintf(one->out + one->out_count, "%zx\r\n", size);
    memcpy(one->out + one->out_count, text, size);
    memcpy(one->out + one->out_count + size, "\r\n", 2);
    one->out_count += size + 2;
}

static int send_token(struct upstream *one) {
    char text[1024];
    chunk(one, text, (size_t)sprintf(text, EVENT, one->sent));
    if (one->stream < script_count && one->sent < script_tokens) scripts[one->stream].sent_at[one->sent] = now();
    one->sent++;
    if (one->sent == one->tokens) { /* the ending travels with the last token */
        chunk(one, text, (size_t)sprintf(text, LAST, one->tokens, one->tokens + 10));
        memcpy(one->out + one->out_count, "0\r\n\r\n", 5);
        one->out_count += 5;
        one->streaming = 0;
        if (one->stream < script_count && scripts[one->stream].server == one) scripts[one->stream].server = NULL;
    }
    return flush(one);
}

static void wait_turn(struct upstream *one, ns due) {
    one->pending++;
    if (due)
        at(due, step, one);
    else
        soon(step, one);
}

static void step(void *what) {
    struct upstream *one = what;
    one->pending--;
    if (one->watched.fd < 0) {
        end(one);
        return;
    }
    if (!one->streaming || one->out_count) return; /* blocked: goes on when the socket takes more */
    if (one->pace) {
        send_token(one);
        one->due += one->pace;
        if (one->streaming) wait_turn(one, one->due);
        return;
    }
    for (int i = 0; i < BURST && one->streaming; i++)
        if (!send_token(one)) return;
    if (one->streaming) wait_turn(one, 0);
}

void upstream_arrived(int stream) {
    struct upstream *one = stream < script_count ? scripts[stream].server : NULL;
    if (one && one->lock && one->streaming) send_token(one);
}

static void answer(struct upstream *one, const char *body) {
    one->out_count = (size_t)sprintf(one->out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                                     strlen(body), body);
    flush(one);
}

static long option(const char *text, const char *name) {
    const char *found = strstr(text, name);
    return found ? atol(found + strlen(name)) : 0;
}

static void begin(struct upstream *one, const char *body) {
    const char *script = NULL;
    for (const char *found = body; (found = strstr(found, "@lam ")); found++) script = found;
    if (!script) {
        answer(one, "{\"error\": {\"code\": 400, \"message\": \"no script\"}}");
        return;
    }
    char text[200];
    snprintf(text, sizeof text, "%s", script);
    one->stream = (int)option(text, "stream="), one->tokens = option(text, "tokens=");
    one->pace = option(text, "pace_us=") * 1000, one->lock = (int)option(text, "lock=");
    one->sent = 0, one->streaming = 1, one->due = now() + option(text, "wait_us=") * 1000;
    if (one->stream < script_count) scripts[one->stream].server = one;
    one->out_count = (size_t)sprintf(one->out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    chunk(one, FIRST, sizeof FIRST - 1);
    if (!flush(one)) return;
    if (one->lock)
        send_token(one);
    else if (one->due > now())
        wait_turn(one, one->due);
    else {
        one->pending++;
        step(one);
    }
}

static void request(struct upstream *one, const char *head, const char *body) {
    if (strncmp(head, "POST ", 5) == 0)
        begin(one, body);
    else if (strstr(head, "/props"))
        answer(one, "{\"default_generation_settings\": {\"n_ctx\": 131072}, \"total_slots\": 8192, \"model_path\": \"bench\"}");
    else if (strstr(head, "/models"))
        answer(one, "{\"object\": \"list\", \"data\": [{\"id\": \"bench\", \"object\": \"model\"}]}");
    else if (strstr(head, "/slots"))
        answer(one, "[]");
    else
        answer(one, "{\"status\": \"ok\"}");
}

/* Takes whole requests off what was read; each is text that ends with a NUL while it is looked at. */
static void take_requests(struct upstream *one) {
    for (;;) {
        one->in[one->in_count] = 0;
        char *body = strstr(one->in, "\r\n\r\n");
        if (!body) return;
        body += 4;
        char *length = strcasestr(one->in, "\r\ncontent-length:");
        size_t size = length && length < body ? (size_t)atol(length + 17) : 0, whole = (size_t)(body - one->in) + size;
        if (one->in_count < whole) return;
        char kept = one->in[whole];
        one->in[whole] = 0;
        request(one, one->in, body);
        one->in[whole] = kept;
        memmove(one->in, one->in + whole, one->in_count -= whole);
    }
}

static void ready(struct watched *self, uint32_t events) {
    struct upstream *one = (struct upstream *)self;
    if (events & EPOLLOUT) {
        watch_again(self, EPOLLIN);
        if (flush(one) && one->streaming && !one->lock && !one->pending) wait_turn(one, one->pace ? one->due += one->pace : 0);
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    if (one->in_room - one->in_count < 4096) one->in = realloc(one->in, one->in_room = one->in_room * 2 + 8192);
    ssize_t count = recv(self->fd, one->in + one->in_count, one->in_room - one->in_count - 1, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
        end(one);
        return;
    }
    one->in_count += (size_t)count;
    take_requests(one);
}

static void connected(struct watched *self, uint32_t events) {
    (void)events;
    int fd, yes = 1;
    while ((fd = accept4(self->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct upstream *one = calloc(1, sizeof *one);
        one->watched = (struct watched){fd, ready};
        watch(&one->watched, EPOLLIN);
    }
}

int upstream_listen(int port) {
    static struct watched listener;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0) die("listen");
    getsockname(fd, (struct sockaddr *)&address, &size);
    listener = (struct watched){fd, connected};
    watch(&listener, EPOLLIN);
    return ntohs(address.sin_port);
}
