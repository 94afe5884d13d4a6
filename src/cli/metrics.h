/* The figures of a run in Prometheus' text format, and the HTTP around them (server.h). */
#pragma once

#include "cli/jobs.h"

/* A label's value: backslash, quote and line break escaped. */
void lt_metrics_label(lt_text *to, const char *value);
void lt_metrics_text(lt_text *to, const lt_cli *cli, const lt_cli_job *jobs, size_t count);
