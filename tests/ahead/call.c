/* Calls methods of a library as its standard input says, and writes what they give to its standard output.
 *
 * Compiled with -DMETHODS="X(forward) X(encode)". The arguments are the number of threads and, perhaps, a file of
 * weights. Input, in the machine's numbers: for each call an int32, the method (-1: reset; -2: the end), then int32
 * the number of tensors, and of each int32 dtype, int32 ndim, int64 sizes, int64 bytes, and the bytes. Then int32 the
 * number of outputs that are given like that, without bytes; -1: the library is asked. Output: the status and a
 * text, and after a call that went well its outputs and what was written to its inputs.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int32_t (*run_function)(model_instance *, const model_tensor *, size_t, const model_tensor *, size_t);
typedef int32_t (*shapes_function)(
    const model_instance *, const model_tensor *, size_t, model_tensor *, size_t, size_t *);

#define X(name) model_run_##name,
static const run_function runs[] = {METHODS};
#undef X
#define X(name) model_shapes_##name,
static const shapes_function shapes[] = {METHODS};
#undef X

enum { MOST = 16 };

static void take(void *to, size_t bytes) {
  if (bytes != 0 && fread(to, bytes, 1, stdin) != 1) {
    fputs("the input ends early\n", stderr);
    exit(3);
  }
}

static int32_t number(void) {
  int32_t value;
  take(&value, sizeof value);
  return value;
}

static int64_t long_number(void) {
  int64_t value;
  take(&value, sizeof value);
  return value;
}

static void give(const void *from, size_t bytes) { fwrite(from, 1, bytes, stdout); }

static void give_status(int32_t status) {
  const char *text = status == MODEL_OK ? "" : model_error();
  int32_t length = (int32_t)strlen(text);
  give(&status, sizeof status);
  give(&length, sizeof length);
  give(text, (size_t)length);
}

static int64_t bytes_of(const model_tensor *tensor) {
  static const int64_t items[] = {1, 1, 2, 4, 8, 2, 4, 8, 0, 8, 16, 1, 0, 0, 0, 2};
  int64_t bytes = items[tensor->dtype];
  for (int32_t dim = 0; dim < tensor->ndim; dim++) bytes *= tensor->sizes[dim];
  return bytes;
}

static void take_tensor(model_tensor *tensor) {
  tensor->dtype = number();
  tensor->ndim = number();
  for (int32_t dim = 0; dim < tensor->ndim; dim++) tensor->sizes[dim] = long_number();
}

static void give_tensor(const model_tensor *tensor) {
  give(&tensor->dtype, sizeof tensor->dtype);
  give(&tensor->ndim, sizeof tensor->ndim);
  give(tensor->sizes, (size_t)tensor->ndim * sizeof tensor->sizes[0]);
  give(tensor->data, (size_t)bytes_of(tensor));
}

static void call(model_instance *instance, int32_t method) {
  model_tensor inputs[MOST], outputs[MOST];
  int64_t held[MOST];
  int32_t status = MODEL_OK, input_count = number(), output_count;
  memset(outputs, 0, sizeof outputs);
  for (int32_t i = 0; i < input_count; i++) {
    take_tensor(&inputs[i]);
    held[i] = long_number();
    inputs[i].data = malloc((size_t)held[i]);
    take(inputs[i].data, (size_t)held[i]);
  }
  output_count = number();
  if (output_count < 0) {
    size_t bytes;
    output_count = number();
    status = shapes[method](instance, inputs, (size_t)input_count, outputs, (size_t)output_count, &bytes);
  } else {
    for (int32_t i = 0; i < output_count; i++) take_tensor(&outputs[i]);
  }
  if (status == MODEL_OK) {
    for (int32_t i = 0; i < output_count; i++) outputs[i].data = malloc((size_t)bytes_of(&outputs[i]));
    status = runs[method](instance, inputs, (size_t)input_count, outputs, (size_t)output_count);
  }
  give_status(status);
  if (status == MODEL_OK) {
    for (int32_t i = 0; i < output_count; i++) give_tensor(&outputs[i]);
    for (int32_t i = 0; i < input_count; i++) give_tensor(&inputs[i]);
  }
  for (int32_t i = 0; i < output_count; i++) free(outputs[i].data);
  for (int32_t i = 0; i < input_count; i++) free(inputs[i].data);
}

int main(int count, char **arguments) {
  model_options options;
  model_instance *instance;
  int32_t status;
  options.threads = count > 1 ? atoi(arguments[1]) : 0;
  options.weights = count > 2 ? arguments[2] : NULL;
  status = model_create(&options, &instance);
  give_status(status);
  while (status == MODEL_OK) {
    int32_t method = number();
    if (method == -2) break;
    if (method == -1)
      give_status(model_reset(instance));
    else
      call(instance, method);
  }
  model_destroy(instance);
  return 0;
}
