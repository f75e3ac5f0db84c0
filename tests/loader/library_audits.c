/* For LD_AUDIT: allocates at each thing it is told. It lives in a name space of its own, with a C
 * library and hence a malloc of its own. */
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned objects, bindings;

unsigned la_version(unsigned version)
{
	free(malloc(1000));
	return version;
}

unsigned la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie)
{
	char *copy = strdup(map->l_name);

	(void)space;
	(void)cookie;
	objects += copy != NULL;
	free(copy);
	return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

uintptr_t la_symbind64(Elf64_Sym *symbol, unsigned number, uintptr_t *from, uintptr_t *to,
                       unsigned *flags, const char *name)
{
	char *copy = strdup(name);

	(void)number;
	(void)from;
	(void)to;
	(void)flags;
	bindings += copy != NULL;
	free(copy);
	return symbol->st_value;
}

void la_activity(uintptr_t *cookie, unsigned flag)
{
	(void)cookie;
	if (flag == LA_ACT_CONSISTENT)
		free(malloc(100));
}

__attribute__((destructor)) static void tell(void)
{
	(void)fprintf(stderr, "audited %s\n", objects > 2 && bindings > 10 ? "well" : "nothing");
}
