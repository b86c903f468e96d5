/* Runs a model that was compiled ahead of time, without Python:
 *
 *     python -m tsc compile examples/demo/model.pt --input 1x3x64x64xf32 -o libmodel.so
 *     cc -std=c99 -I. examples/classify.c ./libmodel.so -Wl,-rpath,. -o classify
 *     ./classify image.f32
 *
 * image.f32 holds the elements of the input as the machine writes them; it prints those of the output.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>

enum { IMAGE = 1 * 3 * 64 * 64 };

static int fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  return 1;
}

static int read_image(const char *path, float *image) {
  FILE *file = fopen(path, "rb");
  size_t count;
  if (file == NULL) return fail(path, "cannot be read");
  count = fread(image, sizeof *image, IMAGE, file);
  fclose(file);
  return count == IMAGE ? 0 : fail(path, "requires 3 x 64 x 64 floats; got fewer");
}

int main(int count, char **arguments) {
  static float image[IMAGE];
  model_options options = {0, NULL}; /* a thread for each core; weights where the library has them */
  model_instance *model;
  model_tensor input, output;
  float *scores;
  int64_t i;

  if (count != 2) return fail("usage", "classify IMAGE");
  if (read_image(arguments[1], image)) return 1;
  if (model_create(&options, &model) != MODEL_OK) return fail("create", model_error());

  input.data = image;
  input.dtype = MODEL_FLOAT32;
  input.ndim = 4;
  input.sizes[0] = 1;
  input.sizes[1] = 3;
  input.sizes[2] = input.sizes[3] = 64;
  /* What the output is like, the library says; its memory is ours. */
  if (model_shapes_forward(model, &input, 1, &output, 1, NULL) != MODEL_OK) return fail("shapes", model_error());
  scores = malloc((size_t)(output.sizes[0] * output.sizes[1]) * sizeof *scores);
  output.data = scores;
  if (scores == NULL) return fail("scores", "no memory");
  if (model_run_forward(model, &input, 1, &output, 1) != MODEL_OK) return fail("run", model_error());

  for (i = 0; i < output.sizes[0] * output.sizes[1]; i++) printf("%.9g\n", scores[i]);
  free(scores);
  model_destroy(model);
  return 0;
}
