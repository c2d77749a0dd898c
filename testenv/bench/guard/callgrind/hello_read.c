// Reads the hello in the file named by its argument, once. callgrind counts the
// instructions of hello_read alone.
#include <stdio.h>

#include "../../../../envoy/hello.h"

int main(int argc, char** argv) {
  static uint8_t bytes[65536];
  FILE* file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  if (!file) return 1;
  size_t length = fread(bytes, 1, sizeof bytes, file);
  struct hello hello;
  return hello_read(bytes, length, sizeof bytes, &hello) ? 0 : 2;
}
