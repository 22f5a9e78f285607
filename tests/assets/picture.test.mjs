import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

globalThis.document = { addEventListener() {} };
const { recoloured, setLegend, fileName, blobOf } = load("picture.js").Picture;

test("every colour that is known is replaced, wherever it stands, and its alpha kept", () => {
  const light = { "1,2,3": "9,8,7" };
  assert.deepEqual(
    recoloured(
      {
        line: { color: "rgb(1,2,3)" },
        fill: "rgba(1,2,3,0.5)",
        scale: [[0, "rgb(1, 2, 3)"], [1, "rgb(4,5,6)"]],
        text: ["<span style='color:rgb(1,2,3)'>1,2,3</span>", null],
        x: [1, 2, 3],
        none: null,
      },
      light
    ),
    {
      line: { color: "rgb(9,8,7)" },
      fill: "rgba(9,8,7,0.5)",
      scale: [[0, "rgb(9,8,7)"], [1, "rgb(4,5,6)"]],
      text: ["<span style='color:rgb(9,8,7)'>1,2,3</span>", null],
      x: [1, 2, 3],
      none: null,
    }
  );
});

test("what is given stays as it was", () => {
  const trace = { x: [1], line: { color: "rgb(1,2,3)" } };
  recoloured(trace, { "1,2,3": "0,0,0" }).x.push(2);
  assert.deepEqual(trace, { x: [1], line: { color: "rgb(1,2,3)" } });
});

test("a legend has each name once, and only who is meant", () => {
  const data = [
    { name: "a", showlegend: true },
    { name: "a", showlegend: true },
    { name: "edge", showlegend: false },
    { name: "b" },
  ];
  const layout = { showlegend: false };
  assert.equal(setLegend(data, layout, null, 900), 1);
  assert.deepEqual(data.map(({ showlegend }) => showlegend), [true, false, false, false]);
  assert.equal(layout.showlegend, true);
});

test("a legend may call traces otherwise, and takes as many rows as it needs", () => {
  const data = Array.from({ length: 6 }, (_, i) => ({ name: `t${i}` }));
  const legend = Object.fromEntries(data.map(({ name }, i) => [name, `a rather long name ${i}`]));
  delete legend.t5;
  assert.ok(setLegend(data, {}, legend, 400) > 2);
  assert.equal(data[0].name, "a rather long name 0");
  assert.equal(data[5].showlegend, false);
});

test("file names are of the run and the chart, and no path", () => {
  assert.equal(fileName("fa (direct) / <1>", "Loss: all", "png"), "fa-direct-1-Loss-all.png");
  assert.equal(fileName("../..", "", "svg"), "picture.svg");
});

test("a picture becomes a file", async () => {
  assert.equal(await blobOf("data:image/svg+xml,%3Csvg%2F%3E").text(), "<svg/>");
  const png = blobOf("data:image/png;base64,AQI=");
  assert.equal(png.type, "image/png");
  assert.deepEqual([...new Uint8Array(await png.arrayBuffer())], [1, 2]);
});
