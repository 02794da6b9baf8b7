# JunkMail: `make run` starts it, `make test` tests it.  Both install what is
# missing (conf/deps), build, and go.
#
#   make                 build the nginx module and junkmaild into build/
#   make SAN=1           the same with ASan and UBSan, into build-san/
#   make NGINX_SRC=DIR   against an upstream nginx source tree
#   make test-long       whole corpora and slow tests (JM_LONG=1)
#   make fuzz            each fuzz target for FUZZ_SECONDS
#   make bench           sanitizer and push, beside others
#   make chaos           kills parts at random under load for two minutes

SHELL     := /bin/bash
NGINX_SRC ?= /usr/share/nginx/src
PREFIX    ?= /usr/local

ifdef SAN
BUILD    := build-san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
            -fno-omit-frame-pointer -U_FORTIFY_SOURCE
else
BUILD    := build
SANFLAGS := -D_FORTIFY_SOURCE=2
endif

PKGS     := hiredis libxml-2.0 libcjson gmime-3.0 libcrypto zlib libisal libidn2 libpsl
WARN     := -W -Wall -Wextra -Wno-unused-parameter -Werror
CFLAGS   := -std=gnu11 -O2 -g $(WARN) -fstack-protector-strong -fPIE $(SANFLAGS)
CPPFLAGS := -Ibackend -Ibackend/common -MMD -MP \
            $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDFLAGS  := -pie -Wl,-z,relro,-z,now $(SANFLAGS)
LDLIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lunistring

SRCS     := $(wildcard backend/*.c backend/common/*.c)
LIB_OBJS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out backend/main.c,$(SRCS)))
UNITS    := $(patsubst t/unit/%.c,$(BUILD)/unit/%,$(wildcard t/unit/test_*.c))
FUZZERS  := $(patsubst t/fuzz/fuzz_%.c,%,$(wildcard t/fuzz/fuzz_*.c))
REPLAYS  := $(FUZZERS:%=$(BUILD)/fuzz/replay_%)
MODULE_SRCS := $(wildcard ngx_junkmail_module/*.[ch] backend/common/*.[ch])
MODULE   := $(BUILD)/ngx_junkmail_module.so
STORE    := model define record account key address domain deliver read flags \
            remove log due reclean
C_FILES  := $(wildcard backend/*.[ch] backend/common/*.[ch] \
            ngx_junkmail_module/*.[ch] t/unit/*.[ch] t/fuzz/*.[ch] \
            t/bench/*.c t/bench/push/*.c)

FUZZ_SECONDS ?= 300

.PHONY: all build units replays deps run test test-long lint fuzz \
        chaos bench install uninstall clean
.SECONDARY:

all: build

build: $(MODULE) $(BUILD)/junkmaild $(BUILD)/junkmail.lua

units: $(UNITS) $(BUILD)/unit/clean_html $(BUILD)/junkmail.lua

replays: $(REPLAYS)


# The daemon, its tests and its fuzzers.

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# The lists are part of the program.
$(BUILD)/backend/lists.o: $(wildcard backend/lists/*.tsv)

$(BUILD)/libjunkmaild.a: $(LIB_OBJS)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/junkmaild: $(BUILD)/backend/main.o $(BUILD)/libjunkmaild.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# In this order: each file uses what those before it define.
$(BUILD)/junkmail.lua: $(STORE:%=backend/store/%.lua)
	cat $^ >$@

$(BUILD)/t/unit/test_store.o: CPPFLAGS += -DJM_LIBRARY_FILE='"$(BUILD)/junkmail.lua"'

$(BUILD)/unit/%: $(BUILD)/t/unit/%.o $(BUILD)/libjunkmaild.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

$(BUILD)/fuzz/replay_%: $(BUILD)/t/fuzz/fuzz_%.o $(BUILD)/t/fuzz/replay.o \
                        $(BUILD)/libjunkmaild.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/bench/bench: $(BUILD)/t/bench/bench.o $(BUILD)/libjunkmaild.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/bench/listen: t/bench/push/listen.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -D_GNU_SOURCE -pie -o $@ $<

-include $(shell find $(BUILD) -type f -name '*.d' 2>/dev/null)


# The nginx module.  --builddir keeps configure out of $(NGINX_SRC).

$(BUILD)/nginx/Makefile: config $(MODULE_SRCS)
	@mkdir -p $(BUILD)
	cd $(NGINX_SRC) && NGX_CONF_FLAGS=(--with-compat) \
	    && if [ -f conf_flags ]; then . ./conf_flags; fi \
	    && ./configure "$${NGX_CONF_FLAGS[@]}" --with-stream \
	        --with-stream_ssl_module --builddir=$(CURDIR)/$(BUILD)/nginx \
	        --with-cc-opt="-g -O2 -Wextra -fPIC -fstack-protector-strong \
	            $(SANFLAGS) $(if $(SAN),-DNGX_DEBUG_PALLOC=1)" \
	        --with-ld-opt="-fPIC -Wl,-z,relro,-z,now $(SANFLAGS)" \
	        --add-dynamic-module=$(CURDIR) >$(CURDIR)/$(BUILD)/configure.log \
	    || { cat $(CURDIR)/$(BUILD)/configure.log; exit 1; }

$(MODULE): $(BUILD)/nginx/Makefile
	$(MAKE) -C $(NGINX_SRC) -f $(CURDIR)/$(BUILD)/nginx/Makefile modules
	cp $(BUILD)/nginx/ngx_junkmail_module.so $@.new
	mv $@.new $@


# The front door.

deps:
	@conf/deps run

run: deps
	@echo 'junkmail: building (the first time takes a minute)'
	@$(MAKE) -s build
	@SMTP="$(SMTP)" HTTP="$(HTTP)" DATA="$(DATA)" DOMAIN="$(DOMAIN)" \
	    REDIS="$(REDIS)" exec conf/junkmail-run

test:
	@conf/deps test
	@t/run

test-long:
	@conf/deps test
	@JM_LONG=1 t/run

lint:
	@conf/deps test
	@t/lint $(C_FILES)

fuzz:
	@conf/deps test
	@t/fuzz/run $(FUZZ_SECONDS) $(FUZZERS)

chaos: build
	@conf/deps test
	@prove -v -It/lib t/60-kill.t :: --long

bench:
	@conf/deps bench
	@$(MAKE) -s build $(BUILD)/bench/bench $(BUILD)/bench/listen
	@t/bench/run

install: build
	install -D -m 0644 $(MODULE) \
	    $(DESTDIR)/usr/lib/nginx/modules/ngx_junkmail_module.so
	install -D -m 0755 $(BUILD)/junkmaild $(DESTDIR)$(PREFIX)/sbin/junkmaild
	install -D -m 0644 $(BUILD)/junkmail.lua \
	    $(DESTDIR)$(PREFIX)/share/junkmail/junkmail.lua
	conf/junkmail-install '$(DESTDIR)' '$(PREFIX)' '$(DOMAIN)'

# What `make install` has put there; configuration and mail stay.
uninstall:
	rm -f $(DESTDIR)/usr/lib/nginx/modules/ngx_junkmail_module.so \
	    $(DESTDIR)$(PREFIX)/sbin/junkmaild \
	    $(patsubst conf/%,$(DESTDIR)$(PREFIX)/lib/%,\
	        $(subst systemd/,systemd/system/,$(wildcard conf/systemd/*)))
	rm -rf $(DESTDIR)$(PREFIX)/lib/junkmail \
	    $(DESTDIR)$(PREFIX)/share/junkmail \
	    $(DESTDIR)$(PREFIX)/share/doc/junkmail

clean:
	rm -rf build build-san
