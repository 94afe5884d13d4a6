/* leat inside a C program: push events, step the engine on this thread, read the windows that
 * close. cc embed.c $(pkg-config --cflags --libs leat) -o embed && ./embed */
#include <leat/leat.h>
#include <stdio.h>
#include <string.h>

static const char *const script[] = {
    "CREATE TABLE clicks (ts TIMESTAMP(3), page STRING, WATERMARK FOR ts AS ts) "
    "WITH ('connector' = 'feed', 'format' = 'json')",
    "SELECT window_start, page, COUNT(*) AS hits "
    "FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' SECOND) "
    "GROUP BY window_start, window_end, page",
};

static const char *const events[] = {
    "{\"ts\":\"2026-01-01 00:00:01\",\"page\":\"home\"}\n",
    "{\"ts\":\"2026-01-01 00:00:04\",\"page\":\"cart\"}\n",
    "{\"ts\":\"2026-01-01 00:00:09\",\"page\":\"home\"}\n",
    "{\"ts\":\"2026-01-01 00:00:12\",\"page\":\"home\"}\n", /* closes the first window */
};

static void print_rows(leat_job *job)
{
    leat_rows *rows;
    uint32_t count;
    while ((rows = leat_take(job, &count)) != NULL) {
        for (uint32_t r = 0; r < count; r++) {
            for (uint32_t c = 0; c < 3; c++) {
                const char *text = leat_rows_text(rows, r, c, LEAT_TEXT_SQL, NULL);
                printf("%s%c", text != NULL ? text : "NULL", c < 2 ? '\t' : '\n');
            }
        }
        leat_rows_free(rows);
    }
}

int main(void)
{
    leat *db;
    leat_job *job;
    if (leat_open(NULL, &db) != LEAT_OK || leat_execute(db, script[0], NULL, NULL) != LEAT_OK ||
        leat_execute(db, script[1], NULL, &job) != LEAT_OK) {
        fprintf(stderr, "%s\n", leat_error(db));
        return 1;
    }
    for (size_t i = 0; i <= sizeof events / sizeof *events; i++) {
        const char *event = i < sizeof events / sizeof *events ? events[i] : NULL; /* NULL: end */
        leat_push(db, "clicks", LEAT_INSERT, event, event != NULL ? strlen(event) : 0);
        while (leat_step(job, 100) == LEAT_RUNNING) {
        }
        print_rows(job);
    }
    leat_close(db);
    return 0;
}
