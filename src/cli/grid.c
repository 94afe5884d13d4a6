/* Rows wait as one text with the ends of their cells until the widths are known; from then on they
 * go through at once. */
#include "cli/grid.h"

#include "base/assert.h"

#define ELLIPSIS "..."

void lt_grid_init(lt_grid *grid, lt_mem *mem, lt_grid_style style)
{
    *grid = (lt_grid){.mem = mem, .style = style};
    lt_text_init(&grid->kept, mem);
}

void lt_grid_deinit(lt_grid *grid)
{
    lt_array_deinit(&grid->columns, grid->mem);
    lt_array_deinit(&grid->ends, grid->mem);
    lt_text_deinit(&grid->kept);
}

void lt_grid_column_add(lt_grid *grid, const char *name, bool right, uint32_t width)
{
    lt_grid_column column = {.name = name, .right = right, .width = lt_text_width(lt_str_of(name))};
    column.width = LT_MAX(column.width, width);
    LT_ASSERT(grid->ends.count == 0);
    if (!lt_array_push(&grid->columns, grid->mem, column)) {
        grid->failed = true;
    }
}

/* Control characters would break the lines, or command the terminal. */
static void append_visible(lt_text *to, lt_str text)
{
    size_t plain = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char ch = (unsigned char)text.ptr[i];
        bool is_c1 = ch == 0xc2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] < 0xa0;
        if (ch >= 0x20 && ch != 0x7f && !is_c1) {
            continue;
        }
        lt_text_append(to, text.ptr + plain, i - plain);
        if (is_c1) {
            ch = (unsigned char)text.ptr[++i];
        }
        if (ch == '\n') {
            lt_text_puts(to, "\\n");
        } else if (ch == '\t') {
            lt_text_puts(to, "\\t");
        } else if (ch == '\r') {
            lt_text_puts(to, "\\r");
        } else {
            lt_text_printf(to, "\\x%02x", (unsigned)ch);
        }
        plain = i + 1;
    }
    lt_text_append(to, text.ptr + plain, text.len - plain);
}

void lt_grid_cell(lt_grid *grid, lt_str text)
{
    if (grid->raw) {
        lt_text_append(&grid->kept, text.ptr, text.len);
    } else {
        append_visible(&grid->kept, text);
    }
    if (!lt_array_push(&grid->ends, grid->mem, grid->kept.len)) {
        grid->failed = true;
    }
}

size_t lt_grid_waiting(const lt_grid *grid)
{
    return grid->columns.count > 0 ? grid->ends.count / grid->columns.count : 0;
}

static lt_str cell_at(const lt_grid *grid, size_t index)
{
    size_t start = index > 0 ? grid->ends.items[index - 1] : 0;
    return (lt_str){grid->kept.ptr + start, grid->ends.items[index] - start};
}

static void fix_widths(lt_grid *grid)
{
    for (size_t i = 0; i < grid->ends.count; i++) {
        lt_grid_column *column = &grid->columns.items[i % grid->columns.count];
        column->width = LT_MAX(column->width, lt_text_width(cell_at(grid, i)));
    }
    for (size_t i = 0; grid->width_max > 0 && i < grid->columns.count; i++) {
        grid->columns.items[i].width = LT_MIN(grid->columns.items[i].width, grid->width_max);
    }
    grid->fixed = true;
}

static void blanks(lt_text *to, uint32_t count)
{
    for (; count > 0; count--) {
        lt_text_putc(to, ' ');
    }
}

static void box_cell(lt_text *to, const lt_grid_column *column, lt_str text)
{
    uint32_t width = lt_text_width(text);
    lt_text_putc(to, ' ');
    if (width <= column->width) {
        blanks(to, column->width - width);
        lt_text_append(to, text.ptr, text.len);
    } else {
        uint32_t room = column->width > 3 ? column->width - 3 : 0;
        size_t len = lt_text_fit(text, room);
        blanks(to, room - lt_text_width((lt_str){text.ptr, len}));
        lt_text_append(to, text.ptr, len);
        lt_text_puts(to, ELLIPSIS);
    }
    lt_text_puts(to, " |");
}

/* Blanks are owed until something follows them in the line. */
static void plain_cell(lt_text *to, const lt_grid_column *column, lt_str text, uint32_t *owed)
{
    uint32_t width = lt_text_width(text);
    uint32_t pad = width < column->width ? column->width - width : 0;
    if (text.len == 0) {
        *owed += pad + 2;
        return;
    }
    blanks(to, *owed + (column->right ? pad : 0));
    lt_text_append(to, text.ptr, text.len);
    *owed = (column->right ? 0 : pad) + 2;
}

static void print_cell(const lt_grid *grid, lt_text *to, size_t column, lt_str text, uint32_t *owed)
{
    bool is_last = column + 1 == grid->columns.count;
    *owed = column == 0 ? 0 : *owed;
    if (grid->style == LT_GRID_TABLEAU) {
        lt_text_puts(to, column == 0 ? "|" : "");
        box_cell(to, &grid->columns.items[column], text);
    } else {
        plain_cell(to, &grid->columns.items[column], text, owed);
    }
    if (is_last) {
        lt_text_putc(to, '\n');
    }
}

void lt_grid_rule(const lt_grid *grid, lt_text *to)
{
    bool is_box = grid->style == LT_GRID_TABLEAU;
    const char *dash = grid->utf8 && !is_box ? "\xe2\x94\x80" : "-";
    for (size_t i = 0; i < grid->columns.count; i++) {
        uint32_t width = grid->columns.items[i].width + (is_box ? 2 : 0);
        lt_text_puts(to, is_box ? "+" : i > 0 ? "  " : "");
        for (; width > 0; width--) {
            lt_text_puts(to, dash);
        }
    }
    lt_text_puts(to, is_box ? "+\n" : "\n");
}

static void print_header(const lt_grid *grid, lt_text *to)
{
    uint32_t owed = 0;
    if (grid->style == LT_GRID_TABLEAU) {
        lt_grid_rule(grid, to);
    }
    for (size_t i = 0; i < grid->columns.count; i++) {
        print_cell(grid, to, i, lt_str_of(grid->columns.items[i].name), &owed);
    }
    lt_grid_rule(grid, to);
}

bool lt_grid_print(lt_grid *grid, lt_text *to)
{
    uint32_t owed = 0;
    if (grid->failed || grid->kept.failed) {
        return false;
    }
    if (!grid->fixed) {
        fix_widths(grid);
        print_header(grid, to);
    }
    for (size_t i = 0; i < grid->ends.count; i++) {
        print_cell(grid, to, i % grid->columns.count, cell_at(grid, i), &owed);
    }
    grid->ends.count = 0;
    lt_text_clear(&grid->kept);
    return !to->failed;
}
