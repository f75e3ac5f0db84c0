/* A flame graph: each function a bar as wide as the bytes that were allocated below it, on the bar
 * of its caller. The drawing needs nothing but itself; in a browser, a click on a bar makes it as
 * wide as the drawing, and a click on the lowest bar shows all again. */
#include "show.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1200, MARGIN = 10, ROW = 18, HEAD = 44, LETTER = 7 };
#define NARROWEST 0.1 /* of a bar that is drawn */

struct node {
	const char *function;
	double bytes, blocks;
	struct node *child, *next; /* next: of the same caller */
};

static struct node *child_of(struct node *node, const char *function)
{
	struct node **at = &node->child;
	for (; *at != NULL; at = &(*at)->next) {
		if (strcmp((*at)->function, function) == 0)
			return *at;
	}
	*at = calloc(1, sizeof **at);
	if (*at != NULL)
		(*at)->function = function;
	return *at;
}

static bool grow(struct node *root, const struct stacks *stacks)
{
	for (size_t i = 0; i < stacks->count; i++) {
		const struct stack *stack = &stacks->stack[i];
		struct node *node = root;
		for (unsigned f = stack->frames; node != NULL; f--) {
			node->bytes += stack->bytes;
			node->blocks += stack->blocks;
			if (f == 0)
				break;
			node = child_of(node, stack->frame[f - 1]->function);
		}
		if (node == NULL)
			return false;
	}
	return true;
}

static unsigned depth_of(const struct node *node)
{
	unsigned most = 0;
	for (const struct node *child = node->child; child != NULL; child = child->next) {
		unsigned depth = depth_of(child);
		most = depth > most ? depth : most;
	}
	return most + 1;
}

static unsigned colour_of(const char *function)
{
	unsigned hash = 5381;
	for (; *function != '\0'; function++)
		hash = hash * 33 + (unsigned char)*function;
	return hash % 40; /* a hue, from red to yellow */
}

static void draw(struct text *svg, const struct node *node, double x, double scale, unsigned row,
                 const struct node *root)
{
	char bytes[SHOW_BYTES], label[256];
	double width = node->bytes * scale;
	unsigned y = HEAD + row * ROW;
	if (width < NARROWEST)
		return;
	text_print(svg, "<g class=\"bar\" data-bytes=\"%.0f\" data-blocks=\"%.0f\"><title>",
	           node->bytes, node->blocks);
	text_print_escaped(svg, node->function);
	text_print(svg, ": %s in %.0f blocks, %.1f%%</title>", show_bytes(bytes, node->bytes),
	           node->blocks, 100 * node->bytes / root->bytes);
	text_print(svg,
	           "<rect x=\"%.2f\" y=\"%u\" width=\"%.2f\" height=\"%d\" rx=\"2\" "
	           "fill=\"hsl(%u 85%% 68%%)\"/>",
	           x, y, width, ROW - 1, colour_of(node->function) + 15);
	text_print(svg, "<text x=\"%.2f\" y=\"%u\">", x + 3, y + 13);
	size_t letters = width > 3 * LETTER ? (size_t)(width / LETTER) - 1 : 0;
	if (letters > 0) {
		snprintf(label, sizeof label, "%.*s%s", (int)(letters < 200 ? letters : 200),
		         node->function, strlen(node->function) > letters ? ".." : "");
		text_print_escaped(svg, label);
	}
	text_print(svg, "</text></g>\n");
	for (const struct node *child = node->child; child != NULL; child = child->next) {
		draw(svg, child, x, scale, row - 1, root);
		x += child->bytes * scale;
	}
}

static const char style[] =
    "<style>svg{font:12px ui-monospace,monospace;background:#fff}text{fill:#111;"
    "pointer-events:none}.head{fill:#111}.bar{cursor:pointer}.bar:hover rect{stroke:#000}\n"
    "@media (prefers-color-scheme:dark){svg{background:#161616}.head{fill:#eee}}</style>\n";

/* Bars are found again by where they lie when all is shown. */
static const char script[] =
    "<script><![CDATA[\n"
    "const bars=[...document.querySelectorAll('.bar')].map(g=>{const r=g.querySelector('rect');\n"
    "return{g,r,t:g.querySelector('text'),name:g.querySelector('title').textContent.replace("
    "/: [^:]*$/,''),\n"
    "x:+r.getAttribute('x'),w:+r.getAttribute('width'),y:+r.getAttribute('y')}});\n"
    "const left=bars[0].x,all=bars[0].w;\n"
    "function show(b){for(const o of bars){const s=all/b.w,x=(o.x-b.x)*s+left,w=o.w*s;\n"
    "const under=o.y>b.y&&o.x<=b.x+.01&&o.x+o.w>=b.x+b.w-.01;\n"
    "const inside=o.y<=b.y&&o.x>=b.x-.01&&o.x+o.w<=b.x+b.w+.01;\n"
    "o.g.style.display=under||inside?'':'none';\n"
    "const at=under?left:x,wide=under?all:w,n=Math.floor(wide/7)-1;\n"
    "o.r.setAttribute('x',at);o.r.setAttribute('width',wide);o.t.setAttribute('x',at+3);\n"
    "o.t.textContent=n<2?'':o.name.length>n?o.name.slice(0,n)+'..':o.name}}\n"
    "for(const b of bars)b.g.addEventListener('click',()=>show(b));\n"
    "]]></script>\n";

bool flame_write(const struct stacks *stacks, const char *title, const char *path)
{
	struct node root = { .function = "all" };
	struct text svg = { 0 };
	char bytes[SHOW_BYTES];
	if (!grow(&root, stacks)) {
		fprintf(stderr, "tide-prof: out of memory\n");
		return false;
	}
	if (root.bytes <= 0) {
		fprintf(stderr, "tide-prof: there is nothing to draw\n");
		return false;
	}
	unsigned rows = depth_of(&root);
	int height = HEAD + (int)rows * ROW + MARGIN;
	text_print(&svg,
	           "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	           "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
	           "viewBox=\"0 0 %d %d\">\n%s<text class=\"head\" x=\"%d\" y=\"24\">",
	           WIDTH, height, WIDTH, height, style, MARGIN);
	text_print_escaped(&svg, title);
	text_print(&svg, ": %s in %.0f blocks</text>\n", show_bytes(bytes, root.bytes),
	           root.blocks);
	draw(&svg, &root, MARGIN, (WIDTH - 2 * MARGIN) / root.bytes, rows - 1, &root);
	text_append(&svg, script, strlen(script));
	text_print(&svg, "</svg>\n");
	bool written = text_write_file(&svg, path);
	text_end(&svg);
	return written;
}
