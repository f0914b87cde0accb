#ifndef PULLD_CSQLITE_H
#define PULLD_CSQLITE_H

#include <sqlite3.h>

#endif
