/* Listeners and peers of the run loop. A peer belongs to a listener; a control peer sends lines, an
 * HTTP peer one request. */
#include "cli/server.h"

#include "base/array.h"
#include "cli/control.h"
#include "cli/metrics.h"

#define HTTP_NS    INT64_C(2000000000)  /* until an HTTP request must be there */
#define CONTROL_NS INT64_C(10000000000) /* until a control request must be there */
#define LINES_MAX  8                    /* of one peer in one turn */
#define ACCEPT_MAX 4                    /* of one listener in one turn */

typedef struct {
    lt_file *file;
    bool is_http;
    size_t job;
} listener;

typedef struct {
    lt_file *file; /* NULL = the place is free */
    bool is_http;
    bool at_end; /* nothing more will come */
    size_t job;
    int64_t deadline_ns; /* of the request */
    lt_pending pending;
    size_t len;
    char bytes[LT_SERVER_LINE_MAX];
} peer;

struct lt_server {
    lt_cli *cli;
    LT_ARRAY(listener) listeners;
    lt_text answer;
    peer peers[LT_SERVER_PEERS_MAX];
};

lt_status lt_server_new(lt_cli *cli, lt_server **out, lt_error *err)
{
    lt_server *self = lt_mem_zalloc(cli->mem, sizeof *self);
    if (self == NULL) {
        return lt_error_nomem(err, "a server");
    }
    self->cli = cli;
    lt_text_init(&self->answer, cli->mem);
    *out = self;
    return LT_OK;
}

void lt_server_close(lt_server *self)
{
    for (size_t i = 0; self != NULL && i < self->listeners.count; i++) {
        self->cli->env->close(self->listeners.items[i].file);
        self->listeners.items[i].file = NULL;
    }
    if (self != NULL) {
        self->listeners.count = 0;
    }
}

void lt_server_free(lt_server *self)
{
    if (self == NULL) {
        return;
    }
    lt_server_close(self);
    for (size_t i = 0; i < LT_SERVER_PEERS_MAX; i++) {
        self->cli->env->close(self->peers[i].file);
    }
    lt_array_deinit(&self->listeners, self->cli->mem);
    lt_text_deinit(&self->answer);
    lt_mem_free(self->cli->mem, self, sizeof *self);
}

bool lt_server_is_open(const lt_server *self)
{
    return self != NULL && self->listeners.count > 0;
}

static lt_status add(lt_server *self, const char *address, listener wanted, lt_error *err)
{
    lt_env *env = self->cli->env;
    LT_TRY(env->listen(env, address, &wanted.file, err));
    if (!lt_array_push(&self->listeners, self->cli->mem, wanted)) {
        env->close(wanted.file);
        return lt_error_nomem(err, "a server");
    }
    return LT_OK;
}

lt_status lt_server_control(lt_server *self, size_t job, const char *dir, lt_error *err)
{
    lt_text address;
    lt_text_init(&address, self->cli->mem);
    lt_text_printf(&address, "unix:%s/control.sock", dir);
    lt_status st = address.failed ? lt_error_nomem(err, "a server")
                                  : add(self, address.ptr, (listener){.job = job}, err);
    lt_text_deinit(&address);
    return st;
}

bool lt_server_address(const char *given, char *to, size_t size)
{
    const char *colon = strrchr(given, ':');
    const char *port = colon != NULL ? colon + 1 : given;
    const char *local = "127.0.0.1";
    lt_str host = colon != NULL && colon > given ? (lt_str){given, (size_t)(colon - given)}
                                                 : lt_str_of(local);
    int64_t number = 0;
    if (!lt_str_to_i64(lt_str_of(port), &number) || number < 0 || number > 65535 ||
        host.len + 16 > size) {
        return false;
    }
    size_t len = 0;
    memcpy(to, "tcp:", 4);
    len += 4;
    memcpy(to + len, host.ptr, host.len);
    len += host.len;
    to[len++] = ':';
    memcpy(to + len, port, strlen(port) + 1);
    return true;
}

lt_status lt_server_metrics(lt_server *self, const char *address, lt_error *err)
{
    char full[300];
    if (!lt_server_address(address, full, sizeof full)) {
        lt_error_set(err, LT_ERR_USAGE, "--metrics: '%s' is not HOST:PORT", address);
        lt_error_hint(err, "such as 9464, or 0.0.0.0:9464 to be seen from other machines");
        return LT_ERR_USAGE;
    }
    return add(self, full, (listener){.is_http = true}, err);
}

int lt_server_metrics_port(const lt_server *self)
{
    for (size_t i = 0; i < self->listeners.count; i++) {
        if (self->listeners.items[i].is_http) {
            return self->cli->env->port_of(self->listeners.items[i].file);
        }
    }
    return 0;
}

/* ---- peers ---- */

static void drop(lt_server *self, peer *p)
{
    self->cli->env->close(p->file);
    p->file = NULL;
}

/* A full house turns newcomers away, so that their clients do not wait for nothing. */
static void take_in(lt_server *self, const listener *from, int64_t now_ns)
{
    lt_file *file = NULL;
    for (int n = 0; n < ACCEPT_MAX; n++) {
        if (self->cli->env->accept(from->file, &file, NULL) != LT_OK) {
            return;
        }
        peer *place = NULL;
        for (size_t i = 0; i < LT_SERVER_PEERS_MAX && place == NULL; i++) {
            place = self->peers[i].file == NULL ? &self->peers[i] : NULL;
        }
        if (place == NULL) {
            self->cli->env->close(file);
            continue;
        }
        place->file = file;
        place->is_http = from->is_http;
        place->at_end = false;
        place->job = from->job;
        place->deadline_ns = now_ns + (from->is_http ? HTTP_NS : CONTROL_NS);
        place->pending = (lt_pending){.verb = LT_VERB_NONE};
        place->len = 0;
    }
}

static bool send(lt_server *self, peer *p)
{
    lt_str text = lt_text_str(&self->answer);
    bool sent =
        !self->answer.failed && self->cli->env->write(p->file, text.ptr, text.len, NULL) == LT_OK;
    if (!sent) {
        lt_text_deinit(&self->answer);
        lt_text_init(&self->answer, self->cli->mem);
    }
    lt_text_clear(&self->answer);
    return sent;
}

static bool fill(lt_server *self, peer *p)
{
    size_t got = 0;
    if (p->at_end || p->len == sizeof p->bytes) {
        return true;
    }
    lt_status st =
        self->cli->env->read(p->file, p->bytes + p->len, sizeof p->bytes - p->len, &got, NULL);
    p->at_end = st == LT_OK && got == 0;
    p->len += got;
    return st == LT_OK || st == LT_AGAIN;
}

/* False: the peer is done with. */
static bool serve_http(lt_server *self, peer *p, lt_cli_job *jobs, size_t count)
{
    lt_str request = {p->bytes, p->len};
    if (lt_http_answer(request, self->cli, jobs, count, &self->answer)) {
        (void)send(self, p);
        return false;
    }
    return !p->at_end;
}

static bool serve_line(lt_server *self, peer *p, lt_cli_job *job, const char *newline)
{
    size_t used = (size_t)(newline - p->bytes) + 1;
    lt_control_request(self->cli, job, (lt_str){p->bytes, used - 1}, &p->pending, &self->answer);
    memmove(p->bytes, p->bytes + used, p->len - used);
    p->len -= used;
    p->deadline_ns = self->cli->env->mono_ns(self->cli->env) + CONTROL_NS;
    return self->answer.len == 0 || send(self, p);
}

static bool serve_control(lt_server *self, peer *p, lt_cli_job *jobs, size_t count)
{
    if (p->job >= count) {
        return false;
    }
    lt_cli_job *job = &jobs[p->job];
    if (p->pending.verb != LT_VERB_NONE) {
        lt_control_poll(self->cli, job, &p->pending, &self->answer);
        p->deadline_ns = self->cli->env->mono_ns(self->cli->env) + CONTROL_NS;
        if (self->answer.len > 0 && !send(self, p)) {
            return false;
        }
    }
    for (int n = 0; n < LINES_MAX && p->pending.verb == LT_VERB_NONE; n++) {
        const char *newline = memchr(p->bytes, '\n', p->len);
        if (newline == NULL) {
            break;
        }
        if (!serve_line(self, p, job, newline)) {
            return false;
        }
    }
    bool is_waiting = p->pending.verb != LT_VERB_NONE;
    return is_waiting || (!p->at_end && p->len < sizeof p->bytes);
}

void lt_server_turn(lt_server *self, lt_cli_job *jobs, size_t count)
{
    int64_t now_ns = self->cli->env->mono_ns(self->cli->env);
    for (size_t i = 0; i < count; i++) {
        lt_cli_job_sample(&jobs[i], self->cli->mem, now_ns);
    }
    for (size_t i = 0; i < self->listeners.count; i++) {
        take_in(self, &self->listeners.items[i], now_ns);
    }
    for (size_t i = 0; i < LT_SERVER_PEERS_MAX; i++) {
        peer *p = &self->peers[i];
        if (p->file == NULL) {
            continue;
        }
        bool stays = fill(self, p) && (p->is_http ? serve_http(self, p, jobs, count)
                                                  : serve_control(self, p, jobs, count));
        if (!stays || now_ns >= p->deadline_ns) {
            drop(self, p);
        }
    }
}
