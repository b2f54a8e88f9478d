// The worker of the package, with a fault planted: on SIGUSR2 its event loop never turns again.
import '../../dist/proxy/worker/worker-main.js';

process.on('SIGUSR2', () => {
  for (;;);
});
