/* What other processes ask a running `leat run`: its control sockets (one per job that keeps state)
 * and the HTTP endpoint of --metrics, both served from the run loop.
 *
 * Nothing here may hold the loop up: sockets are read only when something is there, requests have a
 * maximum, peers that do not finish theirs are dropped, and answers are small enough for a socket's
 * buffer. */
#pragma once

#include "cli/jobs.h"

#define LT_SERVER_PEERS_MAX 16
#define LT_SERVER_LINE_MAX  4096 /* bytes of a request */
#define LT_SERVER_POLL_MS   50   /* how long the loop may sleep with a server open */

typedef struct lt_server lt_server;

/* The jobs are the caller's array, which may move: it is given anew at every turn. */
lt_status lt_server_new(lt_cli *cli, lt_server **out, lt_error *err);
void lt_server_free(lt_server *server); /* closes everything; accepts NULL */
/* Nobody new is let in; accepts NULL. */
void lt_server_close(lt_server *server);

/* Serves `unix:<dir>/control.sock` for the job of that index. */
lt_status lt_server_control(lt_server *server, size_t job, const char *dir, lt_error *err);
/* `PORT`, `:PORT` or `HOST:PORT`; without a host 127.0.0.1. */
lt_status lt_server_metrics(lt_server *server, const char *address, lt_error *err);
int lt_server_metrics_port(const lt_server *server);
bool lt_server_is_open(const lt_server *server); /* accepts NULL */

/* Takes, reads and answers what is there. Never waits. */
void lt_server_turn(lt_server *server, lt_cli_job *jobs, size_t count);

/* ---- for tests ---- */

/* `tcp:HOST:PORT` of what --metrics was given. */
bool lt_server_address(const char *given, char *to, size_t size);
/* The answer to an HTTP request, headers and all; false: more bytes are needed. */
bool lt_http_answer(lt_str request, const lt_cli *cli, lt_cli_job *jobs, size_t count, lt_text *to);
