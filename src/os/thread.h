/* Threads and locks. Only src/run starts threads; everything else is single-threaded or says what
 * protects it. The simulator never starts any: what threads do there is a step that somebody
 * calls. */
#pragma once

#include <stdbool.h>

#include "base/mem.h"
#include "base/status.h"

typedef struct lt_thread lt_thread;
typedef struct lt_mutex lt_mutex;

/* Runs run(arg) on a new thread with all signals blocked, but for those that report the thread's
 * own faults (SIGSEGV ..). name: for debuggers, cut after 15 bytes. LT_ERR_LIMIT when the system
 * gives no more threads. */
lt_status lt_thread_start(lt_mem *mem, const char *name, void (*run)(void *arg), void *arg,
                          lt_thread **out, lt_error *err);
/* The calling thread gives way to others where processors are short; nothing where the system has
 * no such thing. */
void lt_thread_give_way(void);
void lt_thread_join(lt_thread *thread); /* waits for its end and frees; accepts NULL */

lt_mutex *lt_mutex_new(lt_mem *mem); /* NULL = out of memory */
void lt_mutex_free(lt_mutex *mutex); /* accepts NULL */
void lt_mutex_lock(lt_mutex *mutex);
bool lt_mutex_try(lt_mutex *mutex); /* false: somebody has it */
void lt_mutex_unlock(lt_mutex *mutex);
