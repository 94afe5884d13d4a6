/* The two connectors of this folder, for each other's file. */
#pragma once

#include "connector/connector_int.h"

extern const lt_connector lt_conn_stdin;
extern const lt_connector lt_conn_stdout;
