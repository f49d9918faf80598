import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vite';

export default defineConfig({
  base: '/static/dist/',
  plugins: [tailwindcss()],
  build: {
    target: 'es2022',
    cssTarget: ['chrome111', 'firefox115', 'safari16.4'],
    outDir: '../src/madang/web/static/dist',
    emptyOutDir: true,
    // django-vite looks names up here; a dot-folder would be left out of the wheel.
    manifest: 'manifest.json',
    modulePreload: { polyfill: false },
    // An inlined image would need data: in the content security policy's other directives.
    assetsInlineLimit: 0,
    // hls.js and media-chrome make one chunk of 530 kB (158 kB compressed), loaded once per release.
    chunkSizeWarningLimit: 600,
    rollupOptions: {
      input: ['src/site.ts', 'src/player.ts', 'src/studio.ts', 'src/plan.ts', 'src/chat.ts', 'src/overlay.ts', 'src/upload.ts'],
      // What the pages share is one small file: eight would each take a turn on one of the browser's
      // six connections, before the player.
      output: { codeSplitting: { groups: [{ name: 'common', test: /\/src\/(lib|i18n)\// }] } },
    },
  },
});
