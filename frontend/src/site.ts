import './styles/site.css';
import { bindHome } from './site/home';
import { bindMenus } from './site/menu';
import { keepSince } from './site/since';
import { bindTheme } from './site/theme';

bindTheme();
bindMenus();
keepSince();
bindHome();
